"""One command a run: from a config file to weights, shipped files and a run record."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from aeras.domain.errors import InputError
from aeras.lab.train.augment import augment_batch
from aeras.lab.train.config import load_config
from aeras.lab.train.data import CropFolder, FerPlus, Split
from aeras.lab.train.export import Exported, export, run_onnx
from aeras.lab.train.loop import Run, finished, record, run_stage, score
from aeras.lab.train.muscles import of_crops, of_pictures, standardise
from aeras.lab.train.public import AffectNet, RafDb
from aeras.lab.train.report import compare
from aeras.lab.train.revive import revive
from aeras.lab.train.selftrain import frequencies, load_unlabelled, with_unlabelled
from aeras.perceive.registry import model_bytes
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
        The run record, also written as `record.json` beside the weights and the exported files;
        with `compare`, there is a page `report.md` too.

    Raises:
        ConfigError: if the config cannot be used.
        InputError: if the data cannot be used, or a run would be overwritten.
        ModelError: if an exported file answers differently from the trained network.
    """
    config = load_config(config_path)
    data_root = data_root or Path(os.environ.get("AERAS_DATA", "data"))
    folder = (out_root or Path("var/train")) / config.name
    splits = open_faces(config, data_root).load(config.classes, config.face_px)
    if not len(splits.train):
        raise InputError("no face to train on", where=str(data_root / config.data.path))
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
        if not finished(run):
            run_stage(run, _lesson(run, data_root, detector))
        torch.save(run.average.state_dict(), _weights(run, config.stages[stage].name))
    exported = export(run, folder, seed=config.seed)
    result = record(run) | {"test": _test(run), "exported": _as_json(exported)}
    (folder / "record.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    if config.compare:
        page = compare(config.compare, str(exported.int8), run.splits, config.classes)
        (folder / "report.md").write_text(page, encoding="utf-8")
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
    config = run.config
    if weights.suffix == ".pt":
        run.load_average(weights)
    else:
        rng = np.random.default_rng(config.seed)
        rows = rng.choice(len(run.splits.train), min(512, len(run.splits.train)), replace=False)
        images = run.splits.train.images[rows]
        faces = augment_batch(images, config.augment, rng, config.face_px)
        revive(run.average, model_bytes(config.start), faces, config.start)
    run.begin_stage(0)


def _weights(run: Run, stage: str) -> Path:
    return run.folder / f"{stage}.pt"


def _lesson(run: Run, data_root: Path, detector: FaceDetector | None) -> Split:
    """The faces of the current stage: the labelled ones, and in self-training all of them."""
    config, options = run.config, run.config.stages[run.stage]
    lesson = run.splits.train
    frequency = frequencies(lesson.targets, options.rarity)
    muscles = None
    if options.muscles:
        cache = run.folder / "muscles-train.npy"
        muscles = of_crops(lesson.images, config.crop, config.crop_up, cache)
    if options.self_training and config.unlabelled is not None:
        detector = detector or Yunet()
        faces = load_unlabelled(config, data_root, detector, run.folder / "unlabelled.npz")
        names = options.teachers or (config.stages[run.stage - 1].name,)
        readings = np.mean([_read(run, name, lesson.images, faces.images) for name in names], 0)
        lesson = with_unlabelled(
            lesson,
            readings[: len(lesson)],
            faces,
            readings[len(lesson) :],
            alignment=config.unlabelled.alignment,
            teacher_share=options.teacher_share,
        )
        shares = np.full(len(faces.images), options.unlabelled_share, dtype=np.float32)
        frequency = np.concatenate([frequency, shares])
        if muscles is not None:
            cache = run.folder / "muscles-unlabelled.npy"
            muscles = np.concatenate([muscles, of_pictures(faces.paths, detector, cache)])
    if muscles is not None:
        muscles = standardise(muscles)
    return dataclasses.replace(lesson, frequency=frequency, muscles=muscles)


def _read(run: Run, stage: str, *images: Grey) -> Floats:
    """How an earlier stage reads each face; (N, classes)."""
    cache = run.folder / f"readings-{stage}.npy"
    if not cache.exists():
        teacher = Run(run.config, run.splits, run.folder)
        teacher.load_average(_weights(run, stage))
        logits = torch.from_numpy(teacher.logits(np.concatenate(images)))
        np.save(cache, functional.softmax(logits, 1).numpy())
    kept: Floats = np.load(cache)
    return kept


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
