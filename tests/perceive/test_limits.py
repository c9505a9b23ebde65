"""Which readings are kept, softened or dropped, by bins of quality."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from aeras.domain.errors import ModelError
from aeras.domain.seen import EXPRESSIONS, Expression, Frame, Image
from aeras.perceive import Perception
from aeras.perceive.limits import (
    LIMITS_FILE,
    MEASURES,
    Bin,
    Limits,
    four_groups,
    limits_of,
    load_limits,
    softened,
)
from aeras.perceive.registry import model_card

GOOD = {"height_px": 100.0, "turn_deg": 0.0, "sharpness": 0.3, "presence": 1.0}
LIMITS = Limits(
    "x",
    {
        "height_px": (Bin(20, 1.5, 0.6, closed=False), Bin(48, 1.0, 0.5, closed=False)),
        "turn_deg": (Bin(0, 1.0, 0.0, closed=False), Bin(30, 1.2, 1.0, closed=True)),
    },
)


def shows(**shares: float) -> Expression:
    rest = (1 - sum(shares.values())) / (len(EXPRESSIONS) - len(shares))
    return Expression(np.array([shares.get(n, rest) for n in EXPRESSIONS], dtype=np.float32))


def test_a_sure_reading_of_a_good_picture_is_kept_as_it_is() -> None:
    sure = shows(happiness=0.9)
    kept = LIMITS.read(sure, GOOD)
    assert kept is not None
    np.testing.assert_allclose(kept.probabilities, sure.probabilities, atol=1e-6)


def test_the_worst_measure_decides() -> None:
    assert LIMITS.of(GOOD | {"height_px": 30.0}) == (1.5, 0.6, "")
    assert LIMITS.of(GOOD | {"height_px": 30.0, "turn_deg": 35.0})[2] == "turn_deg"
    assert LIMITS.of(GOOD | {"height_px": 10.0})[2] == "height_px"


def test_what_is_right_too_seldom_is_not_told() -> None:
    torn = shows(neutral=0.45, happiness=0.45)
    assert LIMITS.read(torn, GOOD) is None
    assert LIMITS.read(shows(happiness=0.99), GOOD | {"turn_deg": 40.0}) is None


def test_the_negative_expressions_count_together() -> None:
    torn = shows(anger=0.35, disgust=0.3)
    assert LIMITS.read(torn, GOOD) is not None
    assert four_groups(torn.probabilities[None].astype(float)).argmax() == 2


def test_a_small_face_reads_less_surely_but_in_the_same_order() -> None:
    kept = LIMITS.read(shows(happiness=0.9), GOOD | {"height_px": 30.0})
    assert kept is not None
    assert 0.6 < kept["happiness"] < 0.9
    assert kept.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_without_limits_nothing_is_dropped() -> None:
    torn = shows(neutral=0.2)
    kept = Limits().read(torn, {})
    assert kept is not None
    np.testing.assert_allclose(kept.probabilities, torn.probabilities, atol=1e-6)


def test_softening_by_one_changes_nothing_and_by_much_tells_nothing() -> None:
    row = np.array([[0.7, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(softened(row, 1.0), row)
    assert softened(row, 100.0)[0, 0] < 0.27


def test_the_shipped_limits_were_measured_on_the_shipped_network() -> None:
    limits = load_limits()
    assert limits.model_sha256 == model_card("expression").sha256, (
        "the network was replaced: run `aeras lab limits` anew"
    )
    assert set(limits.bins) == set(MEASURES)
    best = {name: bins[-1 if MEASURES[name][1] else 0] for name, bins in limits.bins.items()}
    assert not any(one.closed for one in best.values())
    assert any(one.closed or one.least > 0.4 for bins in limits.bins.values() for one in bins)


def test_limits_of_another_network_are_not_used(tmp_path: Path) -> None:
    own = str(tmp_path / "own.onnx")
    assert limits_of(own, "ab") == Limits()
    Path(own + ".limits.toml").write_bytes(LIMITS_FILE.read_bytes())
    assert limits_of(own, "ab") == Limits()
    assert limits_of(own, model_card("expression").sha256).bins


@pytest.mark.parametrize("text", ["", "model_sha256 = 3", "[", "height_px = 3"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(ModelError, match="limits of readable faces"):
        load_limits(path)


def test_an_unclear_face_says_so(
    perception: Perception,
    actor: Callable[..., Image],
    as_frame: Callable[[Image], Frame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strict = {name: (Bin(0, 1.0, 1.01, closed=False),) for name in MEASURES}
    monkeypatch.setitem(perception.__dict__, "_limits", Limits("x", strict))
    image = actor(("white-male-40plus-neutral", 320))
    (face,) = perception.detect(as_frame(image), frozenset({"faces"})).faces
    assert (face.abstained, face.expression) == ("unclear", None)
    assert face.pose is not None


@pytest.mark.parametrize("side", [40, 60])
def test_small_faces_of_any_colour_are_found(
    perception: Perception,
    actor: Callable[..., Image],
    as_frame: Callable[[Image], Frame],
    side: int,
) -> None:
    names = [
        "black-male-20-39-neutral",
        "white-male-40plus-neutral",
        "east_asian-male-20-39-neutral",
        "indian-male-20-39-happiness",
    ]
    image = actor(*((name, side) for name in names))
    dim = np.asarray(image * 0.5, dtype=np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", dim, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1)
    seen = perception.detect(as_frame(np.asarray(coded, np.uint8)), frozenset({"faces"}))
    assert len(seen.faces) == len(names)
