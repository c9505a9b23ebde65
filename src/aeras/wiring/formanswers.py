"""What may be shown of the answers to each version of a form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from aeras.domain.forms import Refused
from aeras.domain.kept import Answer
from aeras.domain.published import FormAnswers
from aeras.privacy.publish import Publisher


def form_answers(
    form: str, settled: Sequence[Answer], refusals: Sequence[Refused], publisher: Publisher
) -> list[FormAnswers]:
    """A summary of each version that was answered or refused, newest first.

    Args:
        form: Form id.
        settled: The answers to it that may be shown (`Publisher.settled`), newest first.
        refusals: Refusals of it.
        publisher: The gate.
    """
    versions = {one.version for one in settled} | {one.version for one in refusals}
    return [
        _version(
            form,
            version,
            [answer for answer in settled if answer.version == version],
            sum(one.count for one in refusals if one.version == version),
            publisher,
        )
        for version in sorted(versions, reverse=True)
    ]


def _version(
    form: str, version: int, answers: Sequence[Answer], refused: int, publisher: Publisher
) -> FormAnswers:
    through = Counter(answer.channel for answer in answers)
    return FormAnswers(
        version=version,
        channels=tuple((name, publisher.count(n)) for name, n in sorted(through.items())),
        refused=publisher.count(refused - refused % publisher.k),
        summary=publisher.survey(form, answers, asked=None),
        more=_more(answers) if len(answers) >= publisher.k else (),
    )


def _more(answers: Sequence[Answer]) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    counts: dict[str, Counter[str]] = {}
    for answer in answers:
        for name, value in answer.more.items():
            codes = value if isinstance(value, tuple) else (str(value),)
            counts.setdefault(name, Counter()).update(codes)
    return tuple((name, tuple(found.most_common())) for name, found in sorted(counts.items()))
