"""The training loop: stages, checkpoints after every epoch, annealing by the clock or by epochs.

Chance is drawn anew from (seed, stage, epoch, step), never carried along, so a run that was cut
off and resumed ends with the same weights (with `threads` set and stages counted in epochs).
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import math
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch.nn import functional

from aeras.domain.errors import ModelError
from aeras.lab.train.augment import augment_batch
from aeras.lab.train.data import NO_LABEL, Split, Splits
from aeras.lab.train.net import ExpressionNet, parameter_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aeras.lab.train.config import StageOptions, TrainConfig
    from aeras.lab.train.data import Floats, Grey, Ints

log = logging.getLogger(__name__)

EVALUATION_BATCH = 256


@dataclass(frozen=True, slots=True)
class Score:
    """How a network does on one split: shares 0..1, and nats a face."""

    accuracy: float
    balanced_accuracy: float
    cross_entropy: float


class Run:
    """One run's state: weights, their moving average, optimiser, and how far it got."""

    def __init__(self, config: TrainConfig, splits: Splits, folder: Path) -> None:
        self.config, self.splits, self.folder = config, splits, folder
        self.stage, self.epoch, self.active_s = 0, 0, 0.0
        self.git_commit = _git_commit()
        torch.manual_seed(config.seed)
        torch.set_flush_denormal(True)
        cv2.setNumThreads(1)
        net = ExpressionNet(config.net, len(config.classes))
        self.net = net.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        prior = torch.from_numpy(splits.train.targets.mean(0)).clamp_min(1e-4)
        self.adjustment = config.prior_strength * prior.log()
        self.threads = Threads(config.threads)
        self.history: list[dict[str, Any]] = []
        self.muscle_head: torch.nn.Linear | None = None
        self.optimiser = self._new_optimiser()

    @property
    def checkpoint(self) -> Path:
        """The file from which the run resumes."""
        return self.folder / "checkpoint.pt"

    def _new_optimiser(self) -> torch.optim.AdamW:
        options = self.config.stages[min(self.stage, len(self.config.stages) - 1)]
        matrices = [p for p in self.net.parameters() if p.ndim > 1]
        vectors = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": options.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        if self.muscle_head is not None:
            groups.append({"params": list(self.muscle_head.parameters()), "weight_decay": 0.0})
        return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.99))

    def begin_stage(self, stage: int) -> None:
        """Starts a stage from the averaged weights of the one before."""
        self.stage, self.epoch, self.active_s = stage, 0, 0.0
        self.net.load_state_dict(self.average.state_dict())
        self.optimiser = self._new_optimiser()

    def give_muscle_head(self, channels: int) -> torch.nn.Linear:
        """The head of the second lesson, added if the run has none yet."""
        if self.muscle_head is None:
            torch.manual_seed(self.config.seed)
            self.muscle_head = torch.nn.Linear(self.net.head.in_features, channels)
            parameters = list(self.muscle_head.parameters())
            self.optimiser.add_param_group({"params": parameters, "weight_decay": 0.0})
        return self.muscle_head

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "place": (self.stage, self.epoch, self.active_s),
            "history": self.history,
            "muscle_head": self.muscle_head and self.muscle_head.state_dict(),
        }
        partial = self.checkpoint.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def restore(self) -> None:
        """Continues from the checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return
        with _reading(self.checkpoint):
            state = torch.load(self.checkpoint, weights_only=True)
            self.stage, self.epoch, self.active_s = state["place"]
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.optimiser = self._new_optimiser()
            if head := state.get("muscle_head"):
                self.give_muscle_head(len(head["bias"])).load_state_dict(head)
            self.optimiser.load_state_dict(state["optimiser"])
            self.history = state["history"]
        log.info("resumed at stage %d, epoch %d", self.stage, self.epoch)

    def load_average(self, weights: Path) -> None:
        """Takes the averaged weights from a stage's .pt file.

        Raises:
            ModelError: if it is none, or of a network of another shape.
        """
        with _reading(weights):
            self.average.load_state_dict(torch.load(weights, weights_only=True))

    def logits(self, images: Grey) -> Floats:
        """What the averaged network says, the trained-away prior given back; (N, classes)."""
        logits: Floats = self.raw_logits(images) + self.adjustment.numpy()
        return logits

    def raw_logits(self, images: Grey) -> Floats:
        """The same without the prior; (N, classes)."""
        views = [images, images[:, :, ::-1]] if self.config.mirrored else [images]
        logits: Floats = np.mean([predict(self.average, view) for view in views], 0, np.float32)
        return logits


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns the many ways in which torch fails to read weights into one clear error."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"not weights of a network of this config's shape: {first}", where=str(path)
        ) from error


class Threads:
    """How many threads to use: a fixed number, or now and then the faster of one and two."""

    period, probe = 200, 6

    def __init__(self, fixed: int) -> None:
        self.fixed, self.best, self.count = fixed, 1, 0
        self.times: dict[int, list[float]] = {1: [], 2: []}
        torch.set_num_threads(fixed or 1)

    def before_step(self) -> None:
        """Chooses the number for the next step."""
        if self.fixed:
            return
        place = self.count % self.period
        wanted = 1 + place // self.probe if place < 2 * self.probe else self.best
        if torch.get_num_threads() != wanted:
            torch.set_num_threads(wanted)
        self.started = time.perf_counter()

    def after_step(self) -> None:
        """Remembers how long the step took."""
        if self.fixed:
            return
        place = self.count % self.period
        if place == 0:
            self.times = {1: [], 2: []}
        if place < 2 * self.probe:
            self.times[1 + place // self.probe].append(time.perf_counter() - self.started)
        if place == 2 * self.probe - 1:
            one, two = (statistics.median(self.times[n]) for n in (1, 2))
            self.best = 2 if two < 0.93 * one else 1
        self.count += 1


def predict(net: torch.nn.Module, images: Grey) -> Floats:
    """Logits (N, classes) of faces (N, S, S)."""
    net.eval()
    out = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(images), EVALUATION_BATCH):
            faces = torch.from_numpy(images[start : start + EVALUATION_BATCH].astype(np.float32))
            faces = faces[:, None].contiguous(memory_format=torch.channels_last)
            out.append(net(faces).float())
    logits: Floats = torch.cat(out).numpy()
    return logits


def score(logits: Floats, split: Split) -> Score:
    """Scores logits (N, classes) by the majority-vote protocol; classes nobody has are left out."""
    scored = split.labels != NO_LABEL
    right = logits.argmax(1)[scored] == split.labels[scored]
    labels = split.labels[scored]
    recalls = [float(right[labels == c].mean()) for c in np.unique(labels)]
    entropy = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(split.targets))
    return Score(float(right.mean()), float(np.mean(recalls)), float(entropy))


def finished(run: Run) -> bool:
    """Whether the current stage has come to its end."""
    return _progress(run, run.config.stages[run.stage], 0.0) >= 1


def run_stage(run: Run, faces: Split) -> None:
    """Trains one stage to its end; `faces` may hold more than the labelled training split."""
    options = run.config.stages[run.stage]
    shown = len(faces) if faces.frequency is None else int(faces.frequency.sum())
    steps = max(1, shown // options.batch)
    if faces.muscles is not None:
        run.give_muscle_head(faces.muscles.shape[1])
    while not finished(run):
        began = time.monotonic()
        loss = _run_epoch(run, faces, options, steps)
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss became {loss} in epoch {run.epoch + 1} of stage {options.name!r}",
                where=str(run.folder),
                todo="Lower the stage's learning_rate and resume from the epoch before",
            )
        run.epoch += 1
        run.active_s += time.monotonic() - began
        note: dict[str, Any] = {
            "stage": options.name,
            "epoch": run.epoch,
            "loss": round(loss, 4),
            "seconds": round(time.monotonic() - began, 1),
            "progress": round(_progress(run, options, 0.0), 4),
            "threads": run.threads.best,
        }
        if finished(run) or run.epoch % run.config.evaluate_every == 0:
            note |= _evaluate(run)
        run.history.append(note)
        log.info("%s", json.dumps(note))
        run.save()


def _evaluate(run: Run) -> dict[str, float]:
    valid = run.splits.valid
    if not len(valid):
        return {}
    values = dataclasses.asdict(score(run.logits(valid.images), valid))
    return {f"valid_{name}": round(value, 4) for name, value in values.items()}


def _run_epoch(run: Run, faces: Split, options: StageOptions, steps: int) -> float:
    """One pass over the faces, or what the clock leaves of it; returns the mean loss."""
    began = time.monotonic()
    px = run.config.face_px
    if _progress(run, options, 0.0) < options.small_until:
        px = options.small_px
    torch.manual_seed(_seed(run, 0))
    run.net.train()
    total, done = 0.0, 0
    for step, (rows, images) in enumerate(_batches(run, faces, options, steps, px)):
        if options.minutes and _progress(run, options, time.monotonic() - began) >= 1:
            break
        elapsed = step / steps if options.epochs else time.monotonic() - began
        progress = _progress(run, options, elapsed)
        rate = _learning_rate(options, progress, run.epoch * steps + step)
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        run.threads.before_step()
        loss = _loss(run, images, faces, rows, options.muscles * _half_cosine(progress))
        _step(run, loss, run.epoch * steps + step)
        total += float(loss.detach())
        run.threads.after_step()
        done += 1
    return total / max(1, done)


def _progress(run: Run, options: StageOptions, elapsed: float) -> float:
    """Share of the stage that is behind, `elapsed` (epochs or seconds) into this epoch."""
    if options.epochs:
        return (run.epoch + elapsed) / options.epochs
    return (run.active_s + elapsed) / (60 * options.minutes)


def _learning_rate(options: StageOptions, progress: float, step: int) -> float:
    """Linear warm-up, then half a cosine to almost nothing (Loshchilov and Hutter 2017)."""
    warm = min(1.0, (step + 1) / max(1, options.warmup_steps))
    return options.learning_rate * warm * (_half_cosine(progress) + 1e-3)


def _half_cosine(progress: float) -> float:
    """From 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * min(1, progress)))


def _loss(run: Run, images: Floats, faces: Split, rows: Ints, muscle_weight: float) -> torch.Tensor:
    """Cross-entropy of expressions, and the squared error of what the muscle head tells."""
    pictures = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        features = run.net.features(pictures)
        logits = run.net.head(run.net.dropout(features))
    targets = torch.from_numpy(faces.targets[rows])
    loss = functional.cross_entropy(logits.float() + run.adjustment, targets)
    if run.muscle_head is not None and faces.muscles is not None and muscle_weight > 0:
        wanted = torch.from_numpy(faces.muscles[rows])
        known = wanted.isfinite().all(1)
        if known.any():
            told = run.muscle_head(features[known])
            loss = loss + muscle_weight * functional.mse_loss(told, wanted[known])
    return loss


def _step(run: Run, loss: torch.Tensor, step: int) -> None:
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.net.parameters(), 5.0)
    run.optimiser.step()
    _average_in(run.average, run.net, min(run.config.average, (1 + step) / (20 + step)))


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
def _average_in(average: torch.nn.Module, net: torch.nn.Module, decay: float) -> None:
    """Moves the averaged weights and statistics a little towards the trained ones."""
    pairs = list(zip(average.state_dict().values(), net.state_dict().values(), strict=True))
    floats = [(a, b) for a, b in pairs if a.dtype.is_floating_point]
    torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - decay)
    for a, b in pairs:
        if not a.dtype.is_floating_point:
            a.copy_(b)


def _batches(
    run: Run, faces: Split, options: StageOptions, steps: int, px: int
) -> Iterator[tuple[Ints, Floats]]:
    """Rows of the faces and those faces disturbed; the next batch is prepared while one trains."""
    order = _order(faces, np.random.default_rng(_seed(run, 1)))
    augment = options.augment or run.config.augment

    def prepare(step: int) -> tuple[Ints, Floats]:
        rows = np.take(order, range(step * options.batch, (step + 1) * options.batch), mode="wrap")
        rng = np.random.default_rng(_seed(run, 2 + step))
        return rows, augment_batch(faces.images[rows], augment, rng, px)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(prepare, 0)
        for step in range(steps):
            ready = following.result()
            if step + 1 < steps:
                following = pool.submit(prepare, step + 1)
            yield ready


def _order(faces: Split, rng: np.random.Generator) -> Ints:
    """The rows of an epoch, shuffled, each as often as its frequency says on average."""
    rows = np.arange(len(faces))
    if faces.frequency is not None:
        rows = rows.repeat(np.floor(faces.frequency + rng.random(len(faces))).astype(np.int64))
    return rng.permutation(rows)


def _seed(run: Run, purpose: int) -> int:
    """An independent seed for every place in the run."""
    words = np.random.SeedSequence([run.config.seed, run.stage, run.epoch, purpose])
    return int(words.generate_state(1)[0])


def record(run: Run) -> dict[str, Any]:
    """The run's record: what was trained, with what, how well."""
    return {
        "name": run.config.name,
        "config": dataclasses.asdict(run.config),
        "seed": run.config.seed,
        "git_commit": run.git_commit,
        "torch": str(torch.__version__),
        "parameters": parameter_count(run.net),
        "faces": {name: len(getattr(run.splits, name)) for name in ("train", "valid", "test")},
        "epochs": run.history,
    }


def _git_commit() -> str:
    command = ["git", "rev-parse", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # fixed words
    return answer.stdout.strip() or "unknown"
