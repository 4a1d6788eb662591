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


class Decoder(nn.Module):
    """A decoder that works out the same keys at each step, which an optimizer does once.

    Its dropouts are in front of a Concat, and in attention that shows its weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(50, 16), nn.Linear(32, 50)
        self.mixing = nn.MultiheadAttention(16, 2, dropout=0.2, batch_first=True)
        self.query, self.key, self.score = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 1)
        self.cell = nn.GRUCell(16, 16)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.words(tokens)
        x = x + self.mixing(x, x, x)[0]
        state, steps = x[:, 0], []
        for _ in range(3):
            scores = self.score(torch.tanh(self.query(state).unsqueeze(1) + self.key(x)))
            read = (scores.softmax(1) * x).sum(1)
            state = self.cell(read, state)
            dropped = functional.dropout(state, 0.2, self.training)
            steps.append(self.head(torch.cat((read, dropped), 1)))
        return torch.stack(steps, 1)


class Edges(nn.Module):
    """Two rounds of messages along edges, whose ends each round looks up anew."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes, self.message = nn.Parameter(torch.randn(20, 8)), nn.Linear(16, 8)
        self.update = nn.Linear(16, 8)

    def forward(self, edges: torch.Tensor) -> torch.Tensor:
        ends = edges.flatten(0, 1)
        first, second, nodes = ends[:, 0], ends[:, 1], self.nodes
        for _ in range(2):
            sent = functional.silu(self.message(torch.cat((nodes[first], nodes[second]), 1)))
            heard = torch.zeros_like(nodes).index_add(0, second, sent)
            nodes = nodes + self.update(torch.cat((nodes, heard), 1))
        return nodes


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


# TorchScript's exporter cannot add to the same row several times.
class Backbone(nn.Module):
    """A head on a network with batch norms that runs without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*convolution(3, 8, 2), *convolution(8, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            features = self.body(x)
        return self.head(features.mean((2, 3)))


ONLY_DYNAMO = frozenset({"edges", "backbone"})
BY_LINES = frozenset({"backbone"})  # whose calls tell what ran without gradients
FOLDED = {
    "pooled": (Pooled, images),
    "pooled-dropout": (lambda: Pooled(0.2), images),
    "padded": (Padded, images),
    "classifier": (Classifier, tokens),
    "tied": (lambda: Tokens(fused=True), tokens),
    "decoder": (Decoder, tokens),
    "edges": (Edges, lambda batch: torch.randint(20, (batch, 12, 2))),
    "backbone": (Backbone, images),
    "rows": (rows, lambda batch: torch.randn(batch, 10)),
}
