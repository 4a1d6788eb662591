"""Small networks whose steps the default export of torch.export removes, joins or works out."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH = 16


class Gates(nn.Module):
    """A signal that is padded once for two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Conv1d(4, WIDTH, 1), nn.Conv1d(WIDTH, 3, 1)
        self.content, self.gate = (nn.Conv1d(WIDTH, WIDTH, 3, dilation=2) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.before(x)
        padded = functional.pad(x, (4, 0))
        x = x + torch.tanh(self.content(padded)) * torch.sigmoid(self.gate(padded))
        return self.after(x)


class Heads(nn.Module):
    """Heads whose results are normalized, each as a group of channels."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm = nn.GroupNorm(4, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, places, _ = x.shape
        parts = (each(x) for each in (self.query, self.key, self.value))
        query, key, value = (part.view(batch, places, 4, -1).transpose(1, 2) for part in parts)
        mixed = (query @ key.transpose(-1, -2)) @ value
        rows = self.norm(mixed.transpose(1, 2).reshape(batch * places, -1))
        return self.out(rows.view(batch, places, -1))


class Warped(nn.Module):
    """An image that is sampled on a grid which a network turns."""

    def __init__(self) -> None:
        super().__init__()
        self.turn, self.out = nn.Linear(3 * 12 * 12, 6), nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        turns = self.turn(x.flatten(1)).view(-1, 2, 3)
        grid = functional.affine_grid(turns, list(x.shape), align_corners=False)
        return self.out(functional.grid_sample(x, grid, align_corners=False))


class Coded(nn.Module):
    """Features next to the closest entries of a table, with the channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Conv2d(3, WIDTH, 3), nn.Conv2d(WIDTH, 3, 3)
        self.codes = nn.Embedding(20, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.before(x).permute(0, 2, 3, 1).contiguous()
        rows = features.view(-1, WIDTH)
        nearest = self.codes((rows @ self.codes.weight.t()).argmax(1)).view(features.shape)
        apart = functional.mse_loss(nearest, features.detach())
        features = features + (nearest - features).detach()
        return self.after(features.permute(0, 3, 1, 2)) + apart


class Cells(nn.Module):
    """Two layers of an LSTM, between which it drops, behind a sum with a row of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix, self.row = (
            nn.Parameter(torch.randn(6, WIDTH)),
            nn.Parameter(torch.zeros(WIDTH)),
        )
        self.layers = nn.LSTM(WIDTH, 12, 2, batch_first=True, dropout=0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.addmm(self.row, x.flatten(0, 1), self.matrix)
        return self.layers(rows.view(*x.shape[:2], -1))[0]


def _image(batch: int) -> torch.Tensor:
    return torch.randn(batch, 3, 12, 12)


DEFAULT = {
    "gates": (Gates, lambda batch: torch.randn(batch, 4, 20)),
    "heads": (Heads, lambda batch: torch.randn(batch, 9, WIDTH)),
    "warped": (Warped, _image),
    "codes": (Coded, _image),
    "cells": (Cells, lambda batch: torch.randn(batch, 7, 6)),
}
