"""Small networks whose exports for inference hide what training has."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from training_models import Residual, Tokens, convolution


class Pooled(nn.Module):
    """A residual network, with dropout in front of its head where a share is given."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        inner = nn.Sequential(convolution(8, 8), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.body = nn.Sequential(convolution(3, 8, 2), Residual(inner))
        self.drop = nn.Dropout(share) if share else nn.Identity()
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.body(x).mean((2, 3))))


class Classifier(nn.Module):
    """An encoder of PyTorch's own, whose layers begin as copies of one."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 24)
        layer = nn.TransformerEncoderLayer(24, 3, 48, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(24, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.words(tokens))[:, 0])


class Padded(nn.Module):
    """Explicit paddings, and a leaky ReLU that is computed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, bias=False)
        self.norm, self.act = nn.BatchNorm2d(8), nn.LeakyReLU(0.1, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.first(functional.pad(x, (0, 1, 0, 1))))
        return self.act(self.norm(self.second(functional.pad(x, (1, 1, 1, 1)))))


def rows() -> nn.Module:
    """Return a perceptron with batch norms, which only one exporter folds into its layers."""
    return nn.Sequential(
        nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3),
    )  # fmt: skip


def images(batch: int) -> torch.Tensor:
    return torch.randn(batch, 3, 12, 12)


def tokens(batch: int) -> torch.Tensor:
    return torch.randint(50, (batch, 10))


FOLDED = {
    "pooled": (Pooled, images),
    "pooled-dropout": (lambda: Pooled(0.2), images),
    "padded": (Padded, images),
    "classifier": (Classifier, tokens),
    "tied": (lambda: Tokens(fused=True), tokens),
    "rows": (rows, lambda batch: torch.randn(batch, 10)),
}
