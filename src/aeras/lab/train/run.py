"""One command a run: from a config file to weights, shipped files and a run record."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from aeras.domain.errors import InputError, ModelError
from aeras.lab.train.config import load_config
from aeras.lab.train.data import CropFolder, FerPlus, Split
from aeras.lab.train.export import Exported, export, run_onnx
from aeras.lab.train.loop import Run, record, run_stage, score
from aeras.lab.train.public import AffectNet, RafDb
from aeras.lab.train.selftrain import load_unlabelled, with_unlabelled
from aeras.perceive.yunet import Yunet

if TYPE_CHECKING:
    from aeras.domain.seen_ports import FaceDetector
    from aeras.lab.train.config import TrainConfig
    from aeras.lab.train.data import Floats, Grey, LabelledFaces

log = logging.getLogger(__name__)


def train(
    config_path: Path,
    *,
    resume: bool,
    data_root: Path | None = None,
    out_root: Path | None = None,
    detector: FaceDetector | None = None,
) -> dict[str, Any]:
    """Trains the network a config describes, stage by stage, and exports it.

    Args:
        config_path: the YAML file.
        resume: continue the run of that name if its checkpoint exists; else it must not exist.
        data_root: folder that the config's data paths start from; default $AERAS_DATA or `data`.
        out_root: folder of runs; default `var/train`.
        detector: finds the unlabelled faces; default the product's.

    Returns:
        The run record, also written as `record.json` beside the weights and the exported files.

    Raises:
        ConfigError: if the config cannot be used.
        InputError: if the data cannot be used, or a run would be overwritten.
        ModelError: if an exported file answers differently from the trained network.
    """
    config = load_config(config_path)
    data_root = data_root or Path(os.environ.get("AERAS_DATA", "data"))
    folder = (out_root or Path("var/train")) / config.name
    splits = open_faces(config, data_root).load(config.classes, config.face_px)
    run = Run(config, splits, folder)
    if run.checkpoint.exists() and not resume:
        raise InputError(
            "holds a run already", where=str(folder), todo="Resume it, or change the config's name"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if config.start:
        _start_from(run, data_root / config.start)
    run.restore()
    for stage in range(run.stage, len(config.stages)):
        if stage > run.stage:
            run.begin_stage(stage)
        run_stage(run, _lesson(run, data_root, detector))
        torch.save(run.average.state_dict(), _weights(run, stage))
    exported = export(run, folder, seed=config.seed)
    result = record(run) | {"test": _test(run), "exported": _as_json(exported)}
    (folder / "record.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result


def open_faces(config: TrainConfig, data_root: Path) -> LabelledFaces:
    """The data set a config names."""
    path = data_root / config.data.path
    match config.data.kind:
        case "ferplus":
            return FerPlus(path, config.data.near_duplicate_correlation)
        case "folder":
            return CropFolder(path)
        case "rafdb":
            return RafDb(path)
        case "affectnet":
            return AffectNet(path)


def _start_from(run: Run, weights: Path) -> None:
    """Begins with the weights of an earlier run of the same shape."""
    try:
        state = torch.load(weights, weights_only=True)
        run.average.load_state_dict(state)
    except (OSError, RuntimeError, UnpicklingError) as error:
        raise ModelError(
            f"not weights of a network of this config's shape: {str(error).splitlines()[0]}",
            where=str(weights),
        ) from error
    run.begin_stage(0)


def _weights(run: Run, stage: int) -> Path:
    return run.folder / f"{run.config.stages[stage].name}.pt"


def _lesson(run: Run, data_root: Path, detector: FaceDetector | None) -> Split:
    """The faces of the current stage: the labelled ones, and in self-training all of them."""
    options, unlabelled = run.config.stages[run.stage], run.config.unlabelled
    labelled = run.splits.train
    if not options.self_training or unlabelled is None:
        return labelled
    cache = run.folder / "unlabelled.npz"
    faces = load_unlabelled(run.config, data_root, detector or Yunet(), cache)
    teacher = Run(run.config, run.splits, run.folder)
    teacher.average.load_state_dict(torch.load(_weights(run, run.stage - 1), weights_only=True))
    return with_unlabelled(
        labelled,
        _read(teacher, labelled.images),
        faces,
        _read(teacher, faces.images),
        alignment=unlabelled.alignment,
        teacher_share=options.teacher_share,
    )


def _read(teacher: Run, images: Grey) -> Floats:
    """The mean reading of each face and its mirror image; (N, classes)."""
    both = [teacher.logits(images), teacher.logits(np.ascontiguousarray(images[:, :, ::-1]))]
    readings = [functional.softmax(torch.from_numpy(logits), 1).numpy() for logits in both]
    mean: Floats = np.mean(readings, axis=0, dtype=np.float32)
    return mean


def _test(run: Run) -> dict[str, Any]:
    """Scores of the shipped file on the test split, looked at once, after everything is chosen."""
    test = run.splits.test
    if not len(test):
        return {}
    return dataclasses.asdict(
        score(run_onnx(run.folder / "expression-int8.onnx", test.images), test)
    )


def _as_json(exported: Exported) -> dict[str, Any]:
    values = dataclasses.asdict(exported)
    return {key: value.name if isinstance(value, Path) else value for key, value in values.items()}
