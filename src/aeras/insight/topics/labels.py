"""What a topic is called: the words that set it apart, in each language it was spoken of in.

c-TF-IDF (Grootendorst 2022, arXiv:2203.05794): a word's count in the topic, times the logarithm of
one plus the average size of a topic over the word's count in all. A word must also stand in the
topic twice as often as in all: polite words ("sorry", "maybe") stand everywhere. Japanese, Chinese
and Thai, which are written without spaces, are read as runs of two to four characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from aeras.insight.topics.languages import COMMON_WORDS, words

UNSPACED = frozenset({"ja", "zh", "th"})
"""Languages that are written without spaces."""
_RUN = re.compile(r"[\u30a0-\u30ff]{2,}|[\u4e00-\u9fff]{2,}|[\u0e00-\u0e7f]{2,}")
_WORDS = 3
_LONGEST_RUN = 8


def terms(text: str, language: str) -> list[str]:
    """The words of a text that may mean something, in small letters."""
    if language in UNSPACED:
        return [gram for run in _RUN.findall(text) for gram in _grams(run)]
    common = COMMON_WORDS.get(language, frozenset())
    return [word for word in words(text) if len(word) > 1 and word not in common]


def _grams(run: str) -> list[str]:
    if len(run) <= _LONGEST_RUN and "\u30a0" <= run[0] <= "\u30ff":
        return [run]  # a word in katakana is mostly one word
    return [run[at : at + size] for size in (2, 3, 4) for at in range(len(run) - size + 1)]


def name_topics(
    texts: Sequence[str], languages: Sequence[str], of: Sequence[int], count: int, *, least: int
) -> tuple[Mapping[str, str], ...]:
    """For each topic its label by language, the language it is mostly spoken of in first.

    Args:
        texts: All texts.
        languages: Of each text.
        of: Topic of each text, -1 for none.
        count: Topics.
        least: Texts of a topic that must hold a word before it may stand in the label.
    """
    held: dict[str, list[Counter[str]]] = {
        language: [Counter() for _ in range(count)] for language in set(languages)
    }
    sizes: list[Counter[str]] = [Counter() for _ in range(count)]
    for text, language, topic in zip(texts, languages, of, strict=True):
        if topic >= 0:
            held[language][topic].update(set(terms(text[:_READ], language)))
            sizes[topic][language] += 1
    labels: list[dict[str, str]] = [{} for _ in range(count)]
    best = {
        language: _telling(counters, [size[language] for size in sizes], least)
        for language, counters in held.items()
    }
    for topic, size in enumerate(sizes):
        for language, _ in size.most_common():
            if best[language][topic]:
                labels[topic][language] = ", ".join(best[language][topic])
    return tuple(labels)


_READ = 1_000
_MORE = 2.0


def _telling(counters: Sequence[Counter[str]], sizes: Sequence[int], least: int) -> list[list[str]]:
    """For each topic its most telling words.

    Args:
        counters: For each topic, in how many of its texts each word stands.
        sizes: Texts of each topic.
        least: Texts that must hold a word.
    """
    overall: Counter[str] = Counter()
    for counter in counters:
        overall.update(counter)
    average = sum(overall.values()) / max(1, sum(bool(counter) for counter in counters))
    texts = sum(sizes)
    found = []
    for counter, size in zip(counters, sizes, strict=True):
        scores = {
            word: count * math.log(1 + average / overall[word])
            for word, count in counter.items()
            if count >= least and (size == texts or count * texts >= _MORE * size * overall[word])
        }
        ranked = sorted(scores, key=lambda word: (-scores[word], word))
        chosen: list[str] = []
        for word in ranked:
            if len(chosen) < _WORDS and not any(word in one or one in word for one in chosen):
                chosen.append(word)
        found.append(chosen)
    return found
