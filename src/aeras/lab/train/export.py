"""From trained weights to the file that ships: calibrated, static int8, checked for parity."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import torch
from onnxruntime.quantization import (  # type: ignore[import-untyped]
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import (  # type: ignore[import-untyped]
    quant_pre_process,
)

from aeras.domain.errors import ModelError
from aeras.lab.train.augment import augment_batch
from aeras.lab.train.calibrate import Calibration, calibrate
from aeras.lab.train.net import Mirrored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aeras.lab.train.config import TrainConfig
    from aeras.lab.train.data import Floats, Grey
    from aeras.lab.train.loop import Run

log = logging.getLogger(__name__)

CALIBRATION_FACES = 512
QUANTISED = ["Conv", "Relu", "Add", "Mul", "Sigmoid", "GlobalAveragePool", "AveragePool"]
"""With the gates left in float, the file took an eighth longer and read no better."""

GREATEST_DIFFERENCE = 0.01
"""Logits of the fp32 file may differ from the trained network's by this much."""

LEAST_AGREEMENT = 0.97
"""Share of faces on which the int8 file must name the class that the trained network names."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how close it is to the trained network."""

    fp32: Path
    int8: Path
    calibration: Calibration
    greatest_fp32_difference: float
    int8_agreement: float


def export(run: Run, folder: Path, *, seed: int = 0) -> Exported:
    """Writes `expression.onnx` and `expression-int8.onnx` into folder.

    Both take float32 (N, 1, S, S) grey levels 0..255 and give (N, classes) logits; the calibration
    is folded into the last layer. Beside each lies its spec for the runtime.

    Args:
        run: a trained run.
        folder: where to write.
        seed: chooses the calibration faces and their disturbance.

    Returns:
        The files and their parity.

    Raises:
        ModelError: if a file answers differently from the trained network.
    """
    rng = np.random.default_rng(seed)
    calibration = calibrate(run, rng)
    net = fold(run.average, run.adjustment, calibration)
    if run.config.mirrored:
        net = Mirrored(net).eval()
    fp32, int8 = folder / "expression.onnx", folder / "expression-int8.onnx"
    _write_onnx(net, run.config.face_px, fp32)
    train = run.splits.train.images
    rows = rng.choice(len(train), min(CALIBRATION_FACES, len(train)), replace=False)
    faces = augment_batch(train[rows], run.config.augment, rng, run.config.face_px)
    _quantise(fp32, int8, faces)
    for file in (fp32, int8):
        file.with_name(f"{file.name}.toml").write_text(_spec(run.config), encoding="utf-8")
    seen = run.splits.valid if len(run.splits.valid) else run.splits.train
    return _check(net, fp32, int8, calibration, seen.images)


def fold(
    net: torch.nn.Module, adjustment: torch.Tensor, calibration: Calibration
) -> torch.nn.Module:
    """A copy of the network whose last layer includes the prior and the temperature."""
    folded = copy.deepcopy(net).to(memory_format=torch.contiguous_format).eval()
    with torch.no_grad():
        folded.head.bias += calibration.prior_share * adjustment
        folded.head.weight /= calibration.temperature
        folded.head.bias /= calibration.temperature
    return folded


def _spec(config: TrainConfig) -> str:
    """What the runtime must know to run the file (`aeras.perceive.expression.ExpressionSpec`)."""
    rows = {
        "size": [config.face_px, config.face_px],
        "colour": "grey",
        "layout": "nchw",
        "margin": config.crop,
        "shift": config.crop_up,
        "output": "logits",
        "classes": list(config.classes),
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())


def _write_onnx(net: torch.nn.Module, face_px: int, path: Path) -> None:
    with warnings.catch_warnings():
        # The newer exporter needs onnxscript; this one writes the same graph for such a network.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net,
            (torch.zeros(2, 1, face_px, face_px),),
            str(path),
            input_names=["face"],
            output_names=["logits"],
            dynamic_axes={"face": {0: "n"}, "logits": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(path))


class _Faces(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is untyped
    """Hands calibration faces to the quantiser, 32 at a time."""

    def __init__(self, faces: Floats) -> None:
        self.batches: Iterator[Floats] = iter(np.array_split(faces, max(1, len(faces) // 32)))

    def get_next(self) -> dict[str, Floats] | None:
        """The next batch by input name; None at the end."""
        batch = next(self.batches, None)
        return None if batch is None else {"face": batch}


def _quantise(fp32: Path, int8: Path, faces: Floats) -> None:
    prepared = fp32.with_suffix(".prepared.onnx")
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(int8),
        _Faces(faces),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=QUANTISED,
        nodes_to_exclude=_standardisation(prepared),
    )
    prepared.unlink()


def _standardisation(path: Path) -> list[str]:
    """The nodes before the first convolution: grey levels need float there."""
    names = []
    for node in onnx.load(path).graph.node:
        if node.op_type == "Conv":
            break
        names.append(str(node.name))
    return names


def run_onnx(path: Path, images: Grey) -> Floats:
    """Logits of a file for faces (N, S, S), one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = np.array_split(images.astype(np.float32)[:, None], max(1, len(images) // 64))
    return np.concatenate([np.asarray(session.run(None, {name: b})[0]) for b in batches])


def _check(
    net: torch.nn.Module, fp32: Path, int8: Path, calibration: Calibration, images: Grey
) -> Exported:
    with torch.inference_mode():
        faces = torch.from_numpy(images.astype(np.float32))[:, None]
        expected = torch.cat([net(part) for part in faces.split(256)]).numpy()
    difference = float(np.abs(run_onnx(fp32, images) - expected).max())
    agreement = float((run_onnx(int8, images).argmax(1) == expected.argmax(1)).mean())
    if difference > GREATEST_DIFFERENCE:
        raise ModelError(
            f"answers differ from the trained network by up to {difference:.3g}", where=str(fp32)
        )
    if agreement < LEAST_AGREEMENT:
        raise ModelError(
            f"agrees with the trained network on {agreement:.1%} of faces, "
            f"expected {LEAST_AGREEMENT:.0%}",
            where=str(int8),
        )
    return Exported(fp32, int8, calibration, difference, agreement)
