"""What may be said of topics: shares with intervals, how they changed, ratings and quotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from aeras.domain.kept import Answer, Origin, Topic
from aeras.domain.published import Rate
from aeras.domain.topics import NO_TOPIC, TopicList, TopicRow, WeekShare
from aeras.insight.rates import difference, mean, share

WEEKS = 12
_WEEK = timedelta(days=7)
_MONTH = timedelta(days=28)
_QUOTES = 4
_BEST_LENGTH = 90
"""Characters of the answers that are quoted first: long enough to say something."""
_RATINGS = (1, 5)


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom topics are summarised.

    Attributes:
        language: In which labels are wanted.
        k: Answers below which nothing is told.
        now: UTC.
        clean: What a quote goes through before it is shown.
    """

    language: str
    k: int
    now: datetime
    clean: Callable[[str], str] = str


class _Ages(NamedTuple):
    """How many answers were given so many whole weeks, and months of 28 days, ago."""

    weeks: Counter[int]
    months: Counter[int]


def summarise(
    answers: Sequence[Answer],
    of: Mapping[str, str],
    topics: Iterable[Topic],
    reader: Reader,
    *,
    item: str | None = None,
) -> TopicList:
    """The topics of answers.

    Args:
        answers: Those that may be shown, newest first; those of the item if one is given.
        of: Topic by answer id; those not looked at are missing.
        topics: All.
        reader: See there.
        item: Of which item, for the title.
    """
    said = [answer for answer in answers if answer.text.strip()]
    if len(said) < reader.k:
        return TopicList(item, None)
    known = {topic.id: topic for topic in topics}
    members: dict[str, list[Answer]] = {}
    waiting = 0
    for answer in said:
        topic = of.get(answer.id)
        if topic is None:
            waiting += 1
        else:
            members.setdefault(root_of(topic, known), []).append(answer)
    other = members.pop(NO_TOPIC, [])
    whole = _ages(said, reader.now)
    rows = [_row(known, topic, own, whole, reader) for topic, own in members.items()]
    wordless = len(answers) - len(said)
    return TopicList(
        item,
        len(said),
        tuple(sorted(rows, key=lambda row: (-row.answers, row.id))),
        other=share(len(other), len(said)),
        waiting=share(waiting, len(said)),
        wordless=wordless,
        simulated=_simulated(said),
    )


def root_of(topic: str, known: Mapping[str, Topic]) -> str:
    """The topic that one was put into, in the end; `NO_TOPIC` if there is none of that id."""
    for _ in range(len(known)):
        found = known.get(topic)
        if found is None or found.into is None:
            break
        topic = found.into
    return topic if topic in known else NO_TOPIC


def name_of(topic: Topic, language: str) -> str:
    """What a person called it, else its label in the language, else in its main one."""
    return topic.name or topic.labels.get(language) or next(iter(topic.labels.values()), "")


def _row(
    known: Mapping[str, Topic],
    topic: str,
    own: Sequence[Answer],
    whole: _Ages,
    reader: Reader,
) -> TopicRow:
    ages = _ages(own, reader.now)
    ratings = [answer.rating for answer in own if answer.rating is not None]
    merged = [one for one in known.values() if one.id != topic and root_of(one.id, known) == topic]
    name = name_of(known[topic], reader.language)
    return TopicRow(
        id=topic,
        name=name or next((n for one in merged if (n := name_of(one, reader.language))), ""),
        named=bool(known[topic].name),
        answers=len(own),
        share=share(len(own), whole.weeks.total()),
        weeks=_weeks(ages, whole, reader),
        change=_change(ages, whole, reader.k),
        rating=mean(ratings, bounds=_RATINGS) if len(ratings) >= reader.k else None,
        quotes=_quotes(own, reader) if len(own) >= reader.k else (),
        merged=tuple((one.id, name_of(one, reader.language)) for one in merged),
        simulated=_simulated(own),
    )


def _ages(answers: Sequence[Answer], now: datetime) -> _Ages:
    weeks, months = (
        Counter(max(0, (now - answer.at) // length) for answer in answers)
        for length in (_WEEK, _MONTH)
    )
    return _Ages(weeks, months)


def _weeks(own: _Ages, whole: _Ages, reader: Reader) -> tuple[WeekShare, ...]:
    found = []
    for ago in reversed(range(WEEKS)):
        start, n = reader.now - (ago + 1) * _WEEK, whole.weeks[ago]
        told = n >= reader.k
        found.append(WeekShare(start, own.weeks[ago] / n if told else None, n if told else None))
    return tuple(found)


def _change(own: _Ages, whole: _Ages, k: int) -> Rate | None:
    now, before = whole.months[0], whole.months[1]
    if min(now, before) < k:
        return None
    return difference(share(own.months[0], now), share(own.months[1], before))


def _quotes(own: Sequence[Answer], reader: Reader) -> tuple[str, ...]:
    """Different answers, those in the reader's language and of a telling length first."""

    def worth(answer: Answer) -> tuple[bool, int]:
        other = answer.language.split("-")[0] != reader.language
        return other, abs(len(answer.text) - _BEST_LENGTH)

    texts: dict[str, None] = {}
    for answer in sorted(own, key=worth):
        texts[reader.clean(answer.text)] = None
        if len(texts) == _QUOTES:
            break
    return tuple(texts)


def _simulated(answers: Sequence[Answer]) -> float:
    return sum(a.origin is Origin.SIMULATED for a in answers) / len(answers) if answers else 0.0
