"""Networks of four equal blocks, which are measured under settings of the training.

See measure_settings.py: `every` so many of the blocks are checkpointed together.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from training_models import Block, Residual, convolution, image, tokens


class Layers(nn.Module):
    """A language model of four blocks, of which `every` so many are checkpointed together."""

    def __init__(self, every: int = 0) -> None:
        super().__init__()
        self.every = every
        self.words = nn.Embedding(50, 24)
        self.layers = nn.ModuleList([Block(24, 3, fused=True) for _ in range(4)])
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 50, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.words(tokens)
        for start in range(0, len(self.layers), self.every or 1):
            part = nn.Sequential(*self.layers[start : start + (self.every or 1)])
            x = again(part, x) if self.every else part[0](x)
        return self.head(self.norm(x))


class Stages(nn.Module):
    """A residual network of four blocks, each of them checkpointed where `every` is 1."""

    def __init__(self, every: int = 0) -> None:
        super().__init__()
        self.every = every
        self.stem = convolution(3, 8, 2)
        self.blocks = nn.Sequential(*(Residual(_inner()) for _ in range(4)))
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = again(block, x) if self.every else block(x)
        return self.head(x.mean((2, 3)))


def _inner() -> nn.Module:
    return nn.Sequential(convolution(8, 8), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))


def again(part: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return checkpoint(part, x, use_reentrant=False, preserve_rng_state=False)


DEEP = {"layers": (Layers, tokens), "stages": (Stages, image)}
