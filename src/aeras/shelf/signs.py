"""What counts as a sign of a reaction, how much it weighs, and where that comes from.

The whole table in one place, to be read and argued about. A weight is the log-odds that the sign
adds to a class; neutral is the reference and stays at 0. No weight has been fitted to shoppers:
sizes are judgement, set so that one plain act passes one half for its class and two acts that
contradict each other do not. Where a study speaks for the *direction* of a sign, it is named;
"judgement" means that none does.

The words say what was seen ("brow lowered"), never what anybody feels: the same movement of a face
goes with many inner states (Barrett et al. 2019, "Emotional expressions reconsidered").
"""

from __future__ import annotations

from typing import NamedTuple


class Weights(NamedTuple):
    """Log-odds that a sign adds to each class."""

    positive: float
    hesitant: float
    rejected: float


class Sign(NamedTuple):
    """One row: its weights, its words, and what speaks for it."""

    weights: Weights
    words: str
    source: str


def _row(
    positive: float, hesitant: float, rejected: float, words: str, source: str = "judgement"
) -> Sign:
    return Sign(Weights(positive, hesitant, rejected), words, source)


_LOOKS = "the item that is chosen gets more and longer looks (Pieters and Warlop 1999)"
_CONFLICT = "options that are hard to tell apart make people put the choice off (Tversky and \
Shafir 1992; Greenleaf and Lehmann 1991)"
_ARMS = "pushing away goes with disliking, pulling near with liking (Chen and Bargh 1999)"

BEHAVIOUR: dict[str, Sign] = {
    # Taking an item along is the strongest acceptance that a camera can see, though no purchase.
    "kept": _row(2.6, 0.0, -1.0, "kept the item"),
    "put_back_fast": _row(-1.0, 0.4, 2.8, "put back after {hold} s"),
    "put_back": _row(-0.6, 0.8, 2.3, "put back after {hold} s"),
    "put_back_slow": _row(-0.2, 2.4, 1.2, "held for {hold} s, then put back", _CONFLICT),
    "put_back_unseen": _row(-0.4, 0.7, 0.9, "put back; when it was taken was not seen"),
    "shorter_than_usual": _row(-0.2, 0.0, 0.6, "shorter than usual here"),
    "longer_than_usual": _row(0.1, 0.5, 0.0, "longer than usual here", _LOOKS),
    # Long and one item only is reading; many changes are a choice that does not come off.
    "read_label": _row(0.3, 0.0, 0.2, "looked at one item for long", _LOOKS),
    "compared": _row(0.1, 0.7, 0.0, "changed between items"),
    "alternated": _row(0.2, 1.5, -0.3, "went back and forth between items", _CONFLICT),
    "taken_again": _row(0.2, 1.6, -0.2, "taken, put back and taken again", _CONFLICT),
    "came_back": _row(0.5, 0.8, -0.3, "went away and came back", _LOOKS),
    "touched_only": _row(0.0, 1.1, 0.2, "touched, not taken"),
    "long_stay": _row(0.1, 0.6, 0.0, "stood there for {stay} s", _LOOKS),
    "came_and_went": _row(-0.2, 0.6, 0.4, "came close and stepped back"),
    "pushed_away": _row(-0.5, 0.0, 0.9, "pushed away", _ARMS),
    "stepped_back": _row(-0.3, 0.2, 0.7, "stepped back", _ARMS),
    "looked_away": _row(-0.2, 0.1, 0.6, "head turned away"),
}
"""What was done."""

_SMILE = "the smile muscle follows liking, the frown muscle disliking (Larsen, Norris and \
Cacioppo 2003)"

EXPRESSION: dict[str, Sign] = {
    # For a change of 0.5 in probability or shape against the same face before. Smiles are read
    # reliably; the negative classes are confused with one another and with thinking, so they count
    # as one group and half as much. Never below 0: a face speaks for a class, not against others,
    # which is what keeps its pull within a quarter of the probability (`reaction.EXPRESSION_CAP`).
    "smile": _row(2.2, 0.0, 0.0, "smile", _SMILE),
    "unhappy_face": _row(0.0, 0.3, 1.1, "mouth or brow drawn", _SMILE),
    "brow_lowered": _row(0.0, 0.3, 0.5, "brow lowered", _SMILE),
    "brow_raised": _row(0.0, 0.5, 0.0, "brow raised"),
}
"""What the face showed."""

UNCLEAR: dict[str, str] = {
    "signs_disagree": "could not tell: the signs disagree",
    "few_signs": "could not tell: too little was seen",
}
"""Why no class reaches one half, in words."""
