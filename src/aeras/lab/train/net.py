"""The expression network: a small squeeze-and-excitation ResNet for grey faces.

Residual learning after He et al. (2016), channel attention after Hu et al. (2018), stochastic
depth after Huang et al. (2016). The network standardises every image itself, so that whoever runs
the exported file hands over plain grey levels and cannot normalise wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from aeras.lab.train.config import NetOptions

CONTRAST_FLOOR = 8.0
"""Grey levels added to an image's standard deviation: a flat, noisy crop is not blown up."""


class SqueezeExcite(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Scales each channel by a gate computed from the whole picture."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(8, channels // reduction)
        self.down = nn.Conv2d(channels, hidden, 1)
        self.up = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        gate = self.up(functional.relu(self.down(functional.adaptive_avg_pool2d(x, 1))))
        return x * torch.sigmoid(gate)


class Block(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Two 3x3 convolutions and a gate, added to the (pooled, projected) input."""

    def __init__(self, inputs: int, outputs: int, stride: int, drop_path: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.gate = SqueezeExcite(outputs)
        self.drop_path = drop_path
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride != 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
        nn.init.zeros_(self.norm2.weight)  # every block starts as its shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.gate(self.norm2(self.conv2(y)))
        if self.training and self.drop_path > 0:
            keep = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop_path
            y = y * keep.to(y.dtype) / (1 - self.drop_path)
        return functional.relu(self.shortcut(x) + y)


class ExpressionNet(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Grey faces (N, 1, S, S), levels 0..255, to logits (N, classes).

    S is 48 in use; any multiple of 16 works, which training uses to begin on small pictures.
    """

    def __init__(self, options: NetOptions, classes: int) -> None:
        super().__init__()
        first = options.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(1, options.stem, 3, 1, 1, bias=False),
            nn.BatchNorm2d(options.stem),
            nn.ReLU(),
            nn.Conv2d(options.stem, first, 3, 2, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        blocks: list[nn.Module] = []
        inputs, total = first, sum(options.depths)
        for stage, (width, depth) in enumerate(zip(options.widths, options.depths, strict=True)):
            for place in range(depth):
                stride = 2 if stage > 0 and place == 0 else 1
                drop = options.drop_path * len(blocks) / total
                blocks.append(Block(inputs, width, stride, drop))
                inputs = width
        self.body = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.dropout(self.features(x)))
        return logits

    def features(self, x: Tensor) -> Tensor:
        """(N, 1, S, S) to (N, last width), what the head reads."""
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.pow(2).mean((1, 2, 3), keepdim=True).sqrt() + CONTRAST_FLOOR)
        features: Tensor = self.body(self.stem(x)).mean((2, 3)).float()
        return features


class Mirrored(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Reads a face and its mirror image, and averages."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """As the network it wraps."""
        logits: Tensor = self.net(torch.cat([x, x.flip(3)])).unflatten(0, (2, -1)).mean(0)
        return logits


def parameter_count(net: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in net.parameters())
