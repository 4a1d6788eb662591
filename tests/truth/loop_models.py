"""Small networks that run their layers in loops of their own."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Gated(nn.Module):
    """A stack of gated convolutions that a loop of its own runs, which ends with many variables."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(7, 8, 1), nn.Conv1d(8, 5, 1)
        self.gates = nn.ModuleList(nn.Conv1d(8, 16, 3, padding=step) for step in (1, 1, 1))
        self.skips = nn.ModuleList(nn.Conv1d(8, 8, 1) for _ in self.gates)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        kept = []
        for gate, skip in zip(self.gates, self.skips, strict=True):
            content, strength = gate(x).chunk(2, 1)
            product = torch.tanh(content) * torch.sigmoid(strength)
            kept.append(skip(product))
            x = x + product
        while len(kept) > 1:
            total = kept.pop() + kept.pop()
            kept.append(total)
        return self.last(functional.relu(kept[0]) + x)


class Looping(nn.Module):
    """Layers that a loop calls by a variable, on a line that adds up what they make."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.BatchNorm1d(7), nn.Linear(16, 16), nn.Mish(), nn.Dropout(0.1))
            for _ in range(3)
        )
        self.head = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x) + x
        return self.head(x)
