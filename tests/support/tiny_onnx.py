"""ONNX files of a few hundred bytes, written by hand, so that tests need neither onnx nor weights.

The network is a mean over the picture a channel, then one linear layer:
GlobalAveragePool -> Flatten -> Gemm. Field numbers are those of onnx.proto.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_FLOAT = 1


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, values: ArrayLike) -> bytes:
    array = np.asarray(values, dtype="<f4")
    dims = b"".join(_number(1, side) for side in array.shape)
    return dims + _number(2, _FLOAT) + _bytes(8, name) + _bytes(9, array.tobytes())


def _value(name: str, shape: tuple[int | str, ...]) -> bytes:
    dims = b"".join(
        _bytes(1, _number(1, side) if isinstance(side, int) else _bytes(2, side)) for side in shape
    )
    tensor = _number(1, _FLOAT) + _bytes(2, dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    names = b"".join(_bytes(1, name) for name in inputs)
    return names + _bytes(2, output) + _bytes(4, kind)


def mean_classifier(
    shape: tuple[int | str, ...],
    weights: ArrayLike,
    *,
    names: tuple[str, str] = ("input", "output"),
) -> bytes:
    """An ONNX file whose logits are ``channel means @ weights``.

    Args:
        shape: Of the input, (batch, channels, height, width); a string is a free size.
        weights: (channels, classes).
        names: Of input and output.
    """
    matrix = np.asarray(weights, dtype=np.float32)
    graph = b"".join(
        [
            _bytes(1, _node("GlobalAveragePool", [names[0]], "pooled")),
            _bytes(1, _node("Flatten", ["pooled"], "flat")),
            _bytes(1, _node("Gemm", ["flat", "weights"], names[1])),
            _bytes(2, "tiny"),
            _bytes(5, _tensor("weights", matrix)),
            _bytes(11, _value(names[0], shape)),
            _bytes(12, _value(names[1], (shape[0], matrix.shape[1]))),
        ]
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13))
