"""From the shipped int8 file back to weights that can be trained, so that a shop can begin there.

The file's convolutions are whole numbers, and their batch normalisation is folded into them. They
are turned back into floats, and each normalisation is put back with the statistics that faces give
it, in such a way that the network answers as the file does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from aeras.domain.errors import ModelError

if TYPE_CHECKING:
    from aeras.lab.train.data import Floats
    from aeras.lab.train.net import ExpressionNet

NORMS = {"conv1": "norm1", "conv2": "norm2"}
"""Which normalisation follows a convolution; in a sequence it is the next one."""


def revive(net: ExpressionNet, data: bytes, faces: Floats, where: str) -> None:
    """Gives a network the weights of an exported file.

    Args:
        net: of the same shape; changed in place.
        data: the file.
        faces: (N, 1, S, S) grey levels as training shows them, some hundred; for the statistics.
        where: the file's name, for messages.

    Raises:
        ModelError: if the file is of a network of another shape.
    """
    graph = onnx.load_from_string(data).graph
    values = _values(graph)
    modules = dict(net.named_modules())
    norms = []
    try:
        for node in graph.node:
            if node.op_type not in {"Conv", "Gemm"}:
                continue
            path = _module_path(node.name)
            weight, bias = (torch.tensor(values[name]) for name in node.input[1:3])
            with torch.no_grad():
                if isinstance(norm := modules.get(_norm_after(path)), nn.BatchNorm2d):
                    norms.append(norm)
                    norm.bias.copy_(bias)
                else:
                    modules[path].bias.copy_(bias)
                modules[path].weight.copy_(weight)
    except (KeyError, RuntimeError) as error:
        raise ModelError(
            f"not weights of a network of this config's shape: {error}", where=where
        ) from error
    _normalise(net, norms, faces)


def _values(graph: Any) -> dict[str, Floats]:
    """Constants by name, those that are whole numbers turned back into floats."""
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    values = dict(stored)
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            numbers, scale, zero = (stored[name].astype(np.float32) for name in node.input)
            shape = (-1,) + (1,) * (numbers.ndim - 1)
            values[node.output[0]] = (numbers - zero.reshape(shape)) * scale.reshape(shape)
    return values


def _module_path(name: str) -> str:
    """`/net/body/body.0/conv1/Conv` to `body.0.conv1`."""
    parts = [part for part in name.split("/")[1:-1] if part != "net"]
    following = [*parts[1:], ""]
    kept = [p for p, n in zip(parts, following, strict=True) if not n.startswith(f"{p}.")]
    return ".".join(kept)


def _norm_after(path: str) -> str:
    parent, _, last = path.rpartition(".")
    if last.isdigit():
        return f"{parent}.{int(last) + 1}"
    return f"{parent}.{NORMS.get(last, '')}"


def _normalise(net: ExpressionNet, norms: list[nn.BatchNorm2d], faces: Floats) -> None:
    """Sets every normalisation to what its inputs are like, without changing what comes out."""

    def settle(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        mean, variance = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias += mean

    hooks = [norm.register_forward_pre_hook(settle) for norm in norms]
    with torch.no_grad():
        net.eval()(torch.from_numpy(faces))
    for hook in hooks:
        hook.remove()
