"""A training run's settings: one YAML file, every key checked."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from aeras.domain.errors import ConfigError
from aeras.domain.seen import EXPRESSIONS


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Where faces come from; paths are relative to the data folder given to the run."""

    kind: Literal["ferplus", "folder", "rafdb", "affectnet"]
    path: str
    near_duplicate_correlation: float = 0.97
    """Training faces that match a validation or test face at least this well are dropped."""


@dataclass(frozen=True, slots=True)
class UnlabelledOptions:
    """Faces without expression labels, for self-training."""

    path: str
    group_columns: tuple[str, ...] = ("race", "gender")
    """A group is one combination of these columns of `labels.csv`."""
    aligned_column: str = "race"
    """Groups that differ only in this column are taught to show the same expression rates ..."""
    alignment: float = 1.0
    """... this strongly: 0 leaves the teacher's labels as they are, 1 makes the rates equal."""


@dataclass(frozen=True, slots=True)
class NetOptions:
    """Shape of the network; see `aeras.lab.train.net`."""

    stem: int = 16
    widths: tuple[int, ...] = (32, 64, 128, 192)
    depths: tuple[int, ...] = (1, 2, 2, 1)
    dropout: float = 0.2
    drop_path: float = 0.1


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """How training faces are disturbed; probabilities unless a unit is named."""

    rotate_deg: float = 18.0
    scale: float = 0.17
    shift: float = 0.09
    """Share of the face's side."""
    low_resolution: float = 0.35
    low_resolution_px: tuple[int, int] = (14, 40)
    motion_blur: float = 0.12
    jpeg: float = 0.3
    noise: float = 0.3
    light: float = 0.5
    occlusion: float = 0.3


@dataclass(frozen=True, slots=True)
class StageOptions:
    """One annealed pass of training. Give `minutes` (anneals by the clock) or `epochs`."""

    name: str
    epochs: int = 0
    minutes: float = 0.0
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_steps: int = 200
    small_until: float = 0.0
    """Share of the stage trained on `small_px` pictures, which cost a fraction."""
    small_px: int = 32
    self_training: bool = False
    """Also learn the unlabelled faces, as the stage before reads them when undisturbed."""
    teacher_share: float = 0.0
    """How far that reading also replaces the human votes on labelled faces."""
    teachers: tuple[str, ...] = ()
    """Earlier stages whose mean reading is learnt; default the stage before."""
    unlabelled_share: float = 1.0
    """Share of the unlabelled faces that an epoch shows."""
    rarity: float = 0.0
    """Labelled faces are shown more often the rarer their expression: 1 / frequency to this power,
    on average as often as before."""
    muscles: float = 0.0
    """Weight, at the stage's beginning, of telling MediaPipe's blendshapes; falls to 0."""
    augment: AugmentOptions | None = None
    """How faces are disturbed in this stage; default as in the whole run."""

    def __post_init__(self) -> None:
        if (self.epochs > 0) == (self.minutes > 0):
            raise ConfigError(f"stage {self.name!r}: give either epochs or minutes, above 0")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A whole run."""

    name: str
    data: DataOptions
    stages: tuple[StageOptions, ...]
    unlabelled: UnlabelledOptions | None = None
    net: NetOptions = field(default_factory=NetOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    start: str = ""
    """What to begin with, for fine-tuning: the name of a network in models.toml that such a run
    exported, or a .pt file of an earlier run, from the data folder."""
    compare: str = ""
    """A network (name in models.toml, or ONNX file) to set beside the new one in `report.md`."""
    seed: int = 0
    face_px: int = 48
    classes: tuple[str, ...] = EXPRESSIONS
    crop: float = 0.8
    """How the product cuts faces for this network: the square's side, in longer sides of the
    detector's box ..."""
    crop_up: float = 0.05
    """... and how far it is moved up, in the same unit. The defaults fit FER+."""
    mirrored: bool = False
    """The exported file also reads each face's mirror image and averages; takes half as long
    again."""
    prior_strength: float = 0.5
    """Logit adjustment (Menon et al. 2021): how far training explains rarity away."""
    average: float = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept."""
    threads: int = 0
    """0 measures now and then whether one or two threads are faster on a shared machine."""
    evaluate_every: int = 2
    """Epochs between looks at the validation split."""

    def __post_init__(self) -> None:
        if not self.stages:
            raise ConfigError("stages: expected at least one")
        if self.stages[0].self_training:
            raise ConfigError("stages[0].self_training: the first stage has no teacher yet")
        for place, stage in enumerate(self.stages):
            if unknown := set(stage.teachers) - {s.name for s in self.stages[:place]}:
                raise ConfigError(
                    f"stages[{place}].teachers: {min(unknown)!r} is no stage before this one"
                )
        if self.unlabelled is None and any(s.self_training for s in self.stages):
            raise ConfigError("self_training needs the key 'unlabelled'")
        if self.face_px % 16 or any(s.small_px % 16 for s in self.stages):
            raise ConfigError("face_px and small_px: expected multiples of 16")


def load_config(path: Path) -> TrainConfig:
    """Reads and checks a run's YAML file.

    Args:
        path: the file; or the name of a recipe that ships, such as `own-shop`.

    Returns:
        The settings, defaults filled in.

    Raises:
        ConfigError: if the file cannot be read, a key is unknown or missing, or a value has the
            wrong type; the message names the file and the key.
    """
    recipe = Path(__file__).parent / "configs" / f"{path}.yaml"
    if not path.exists() and recipe.is_file():
        path = recipe
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"not readable as YAML: {error}", where=str(path)) from error
    try:
        config = _build(TrainConfig, raw, "")
    except ConfigError as error:
        raise ConfigError(error.what, where=str(path)) from error
    return typing.cast("TrainConfig", config)


def _build(kind: Any, raw: Any, where: str) -> Any:
    """Turns plain YAML into `kind`, a dataclass, tuple, optional, literal or scalar type."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, raw, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(raw, list):
            raise _wrong(where, "a list", raw)
        return tuple(_build(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(raw))
    if origin is types.UnionType:
        return None if raw is None else _build(arguments[0], raw, where)
    if origin is Literal:
        if raw not in arguments:
            raise _wrong(where, f"one of {', '.join(arguments)}", raw)
        return raw
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if type(raw) is not kind:
        raise _wrong(where, kind.__name__, raw)
    return raw


def _build_dataclass(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        raise _wrong(where or "the file", "keys and values", raw)
    hints = typing.get_type_hints(kind)
    for key in raw:
        if key not in hints:
            known = ", ".join(sorted(hints))
            raise ConfigError(f"unknown key {where + str(key)!r}; known here: {known}")
    needed = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    if missing := sorted(needed - set(raw)):
        raise ConfigError(f"missing key {where + missing[0]!r}")
    return kind(**{key: _build(hints[key], raw[key], f"{where}{key}.") for key in raw})


def _wrong(where: str, expected: str, given: Any) -> ConfigError:
    return ConfigError(f"{where.rstrip('.')}: expected {expected}, given {given!r}")
