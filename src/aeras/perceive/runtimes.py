"""The two inference engines behind our errors, each on one thread: a camera is one core's work."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import ModelError

Tensor = NDArray[Any]

_stderr = threading.Lock()

_REPLACE = "Replace the file, see `aeras models verify`"


class OnnxModel:
    """An onnxruntime session.

    Args:
        data: The file's content.
        where: Name of the model or file, for messages.

    Attributes:
        input: Name of the first input.
        input_shape: Its shape; a string or None stands for a free size.
        outputs: Names of the outputs in order.
        output_shapes: Their shapes.

    Raises:
        ModelError: It is no ONNX model or the engine cannot run it.
    """

    def __init__(self, data: bytes, where: str) -> None:
        # Heavy: only in a process that runs models.
        import onnxruntime as ort  # type: ignore[import-untyped] # noqa: PLC0415

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.where = where
        try:
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # The engine raises a dozen own classes that share no base but Exception.
            raise ModelError(
                f"onnxruntime cannot load the model ({_first_line(error)})",
                where=where,
                todo=_REPLACE,
            ) from error
        first = self._session.get_inputs()[0]
        self.input: str = first.name
        self.input_shape: tuple[int | str | None, ...] = tuple(first.shape)
        self.outputs = [output.name for output in self._session.get_outputs()]
        self.output_shapes = [tuple(output.shape) for output in self._session.get_outputs()]

    def run(self, tensor: Tensor) -> Mapping[str, Tensor]:
        """Outputs by name. Raises ModelError when the tensor does not fit."""
        try:
            values = self._session.run(None, {self.input: tensor})
        except Exception as error:
            raise ModelError(
                f"the model refused an input of shape {tensor.shape} ({_first_line(error)})",
                where=self.where,
                todo="Check the input in its spec",
            ) from error
        return dict(zip(self.outputs, cast("list[Tensor]", values), strict=True))


class LiteRtModel:
    """A LiteRT (TensorFlow Lite) interpreter with one input.

    Raises:
        ModelError: It is no tflite model or the engine cannot run it.
    """

    def __init__(self, data: bytes, where: str) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - heavy

        try:
            with _without_chatter():
                self._interpreter = Interpreter(model_content=data, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"LiteRT cannot load the model ({_first_line(error)})", where=where, todo=_REPLACE
            ) from error
        details = self._interpreter.get_input_details()[0]
        self._input: int = details["index"]
        self.input_shape: tuple[int, ...] = tuple(int(side) for side in details["shape"])
        self._outputs: dict[str, int] = {
            out["name"]: out["index"] for out in self._interpreter.get_output_details()
        }

    def run(self, tensor: NDArray[np.float32]) -> Mapping[str, Tensor]:
        """Outputs by name, copied out of the engine's memory."""
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(at) for name, at in self._outputs.items()}


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Drops the INFO line that LiteRT writes to stderr past Python; other lines go through.

    What other threads write to stderr meanwhile comes out a little later.
    """
    with _stderr, tempfile.TemporaryFile() as held:
        try:
            kept = os.dup(2)
        except OSError:  # no stderr, as in a daemon: nothing can be written to it either
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            lines = [line for line in held if not line.startswith(b"INFO: Created TensorFlow")]
            os.write(2, b"".join(lines))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
