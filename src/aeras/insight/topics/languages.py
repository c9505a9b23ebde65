# ruff: noqa: RUF001 (letters of many languages are its matter)
"""Which language a short text is in: script, then common words, then what the other texts teach.

No model and no download. A script that one language uses decides by itself (kana, hangul, Thai).
For Latin letters, very common words and telling letters vote; texts that they cannot tell are
compared by letter trigrams with the texts of the same set that were told. It is meant for sets of
answers, where the same few languages come again and again, not for one text alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

UNKNOWN = "und"
"""BCP 47 code of a text in which no language can be told: digits, emojis, nothing."""

COMMON_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": (
            "the a an and or of to in is are was were it its this that these those i you he she we "
            "they me him her us them my your his our their what which who when where how why not "
            "no do does did don't doesn't have has had can could will would should be been am for "
            "on at with from by as but if so too very there here than then just more about all any "
            "some please i'm it's isn't wasn't didn't can't into out up"
        ),
        "de": (
            "ob der die das den dem des ein eine einen einem einer eines und oder aber nicht kein "
            "keine ist sind war waren bin bist wird werden wurde hat habe haben hatte ich du er "
            "sie es wir ihr mich mir dir ihm ihn ihnen uns mein meine meinen meiner dein deine "
            "sein ihre unser was welche welcher welches wer wann wo wie warum zu zum zur im in am "
            "an "
            "auf aus bei mit nach von vom für über unter vor um auch noch nur sehr schon so als "
            "wenn dass bitte alle alles hier da doch mal gibt kann soll muss bis ab"
        ),
        "fr": (
            "le la les un une des du de et ou mais ne pas est sont était suis es il elle on nous "
            "vous ils elles je tu me te se mon ma mes ton ta tes son sa ses notre votre leur que "
            "qui quoi quand où comment pourquoi dans sur sous avec sans pour par au aux ce cette "
            "ces ai as a ont avons avez très trop plus aussi c'est n'est j'ai d'un d'une il y bien "
            "tout tous toute"
        ),
        "es": (
            "el la los las un una unos unas de del y o pero no es son era está están soy eres fue "
            "yo tú él ella nosotros ellos me te se le les lo mi mis tu tus su sus nuestro que qué "
            "quién cuándo dónde cómo por para con sin en al sobre muy más también ya como si hay "
            "este esta estos estas ese esa todo todos todas porque cuando puedo puede tengo tiene"
        ),
        "it": (
            "il lo la i gli le un uno una di del dello della dei degli delle e o ma non è sono era "
            "sei ho hai ha abbiamo hanno io tu lui lei noi voi loro mi ti si ci vi mio mia miei "
            "mie tuo tua suo sua che chi cosa quando dove come perché per con senza in nel nella "
            "nei "
            "nelle su sul sulla al alla alle ai allo da dal dalla molto più anche questo questa "
            "questi queste tutti tutte tutto qual quale quali se fino tra fra ore"
        ),
        "pt": (
            "o os as um uma uns umas de do da dos das e ou mas não é são era está estão sou eu tu "
            "ele ela nós eles elas me te se lhe meu minha meus minhas seu sua seus suas que quem "
            "quando onde como por para com sem em no na nos nas ao à muito mais também já isso "
            "este esta esse essa todo todos todas você vocês foi tem tenho pelo pela"
        ),
        "nl": (
            "de het een en of maar niet geen is zijn was waren ben bent wordt heeft heb hebben had "
            "ik jij je hij zij ze wij we mij me hem haar ons mijn jouw zijn hun wat welke wie "
            "wanneer waar hoe waarom te ten ter in op aan bij met naar van voor over om ook nog "
            "heel erg als dat dit deze die er hier alle alles kan moet"
        ),
        "tr": (
            "bir ve veya ama değil bu şu o ben sen biz siz onlar bana sana beni seni benim senin "
            "bizim ne kim nerede nasıl niçin neden kaç mı mi mu mü için ile gibi daha çok en de da "
            "ki var yok olan olarak olacak göster lütfen tüm bütün hangi her kadar sonra önce saat "
            "mısın misin istiyorum ayarla iptal et sil ekle"
        ),
        "pl": (
            "i w na z do nie to jest są był była się że jak co kto kiedy gdzie dlaczego o od po za "
            "przez dla ja ty on ona my wy oni mnie mi cię go jej ich mój moja moje twój ten ta te "
            "tego tej tym bardzo też już ale albo czy jestem mam ma można proszę wszystkie"
        ),
        "sv": (
            "och eller men inte är var har hade jag du han hon vi ni de mig dig honom henne oss "
            "dem min mitt mina din ditt sin ett en det den detta denna som vad vem när var hur "
            "varför "
            "på i till från med för av om under över också mycket bara alla allt kan ska att så"
        ),
    }.items()
}
_LETTERS = {
    "de": "ßäöü",
    "fr": "éèêëçœàùîïôû",
    "es": "ñ¿¡áéíóú",
    "it": "èàòùìé",
    "pt": "ãõçáéíóúâêô",
    "tr": "ğışüöç",
    "pl": "ąęłńśźżćó",
    "sv": "åäö",
}
_SCRIPTS = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7af]"), "ko"),
    (re.compile(r"[\u0e00-\u0e7f]"), "th"),
    (re.compile(r"[\u0370-\u03ff]"), "el"),
    (re.compile(r"[\u0590-\u05ff]"), "he"),
    (re.compile(r"[\u0600-\u06ff]"), "ar"),
    (re.compile(r"[\u0900-\u097f]"), "hi"),
    (re.compile(r"[\u0400-\u04ff]"), "ru"),
    (re.compile(r"[\u4e00-\u9fff]"), "zh"),  # after kana: Japanese uses both
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LOOKED_AT = 2_000
"""Characters of a text that are looked at."""
_SURE = 1.0
"""Least lead of the best language over the second, in common words."""
_STRONG = 3.0
"""Common words that name a language of which the set has no other text."""
_USUAL = 0.01
"""Least share of the texts that teach how their language looks."""
_WORTH = 1.0
"""What a common word is worth beside the trigrams, in nats."""
_ROUNDS = 2


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def detect(texts: Sequence[str]) -> list[str]:
    """ISO 639-1 code of each text, `UNKNOWN` where there is nothing to go by.

    Args:
        texts: A set of answers, better told together than one by one.
    """
    heads = [text[:_LOOKED_AT] for text in texts]
    by_script = [_script(text) for text in heads]
    votes = [_votes(text) for text in heads]
    told = [script or _leader(vote) for script, vote in zip(by_script, votes, strict=True)]
    usual = {name for name, count in Counter(told).items() if count >= _USUAL * len(texts)}
    for _ in range(_ROUNDS):
        taught = _Trigrams(
            (text, name) for text, name in zip(heads, told, strict=True) if name in usual
        )
        told = [
            script or (taught.closest(text, vote) if words(text) else UNKNOWN)
            for text, script, vote in zip(heads, by_script, votes, strict=True)
        ]
    return [name or UNKNOWN for name in told]


def _script(text: str) -> str | None:
    """The language whose script holds at least a third of the letters."""
    letters = sum(char.isalpha() for char in text)
    for pattern, language in _SCRIPTS:
        if letters and len(pattern.findall(text)) * 3 >= letters:
            return language
    return None


def _votes(text: str) -> dict[str, float]:
    """What common words and telling letters say for each language, in words."""
    found, small = words(text), text.lower()
    votes = {
        name: float(sum(word in common for word in found)) for name, common in COMMON_WORDS.items()
    }
    strange = sum(char > "\xbf" and char.isalpha() for char in small)
    for name in votes:
        own = sum(char in _LETTERS.get(name, "") for char in small)
        votes[name] += min(own, 3) * 0.6 - (strange - own)
    return votes


def _leader(votes: dict[str, float]) -> str | None:
    """The language that leads, or None where none leads clearly."""
    (best, most), (_, second) = sorted(votes.items(), key=lambda item: -item[1])[:2]
    return best if most - second >= _SURE else None


class _Trigrams:
    """Naive Bayes over letter trigrams, learned from the texts whose language is known."""

    def __init__(self, told: Iterable[tuple[str, str | None]]) -> None:
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._texts: Counter[str] = Counter()
        for text, language in told:
            if language is None or language == UNKNOWN:
                continue
            self._counts[language].update(_trigrams(text))
            self._texts[language] += 1
        self._totals = {language: sum(count.values()) for language, count in self._counts.items()}
        self._kinds = len({gram for count in self._counts.values() for gram in count}) + 1

    def closest(self, text: str, votes: dict[str, float]) -> str:
        """The likeliest language; one that no other text taught must be named by many words."""
        best = _leader(votes) or UNKNOWN
        if best not in self._counts and votes.get(best, 0.0) >= _STRONG:
            return best
        grams = _trigrams(text)
        scores = {
            name: math.log(self._texts[name])
            + _WORTH * votes.get(name, 0.0)
            + sum(
                math.log((count[gram] + 0.3) / (self._totals[name] + 0.3 * self._kinds))
                for gram in grams
            )
            for name, count in self._counts.items()
        }
        return max(scores, key=scores.__getitem__, default=best)


def _trigrams(text: str) -> list[str]:
    padded = f" {' '.join(words(text))} "
    return [padded[at : at + 3] for at in range(len(padded) - 2)]
