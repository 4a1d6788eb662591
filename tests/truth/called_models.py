"""Small networks whose equal calls TorchScript's exporter merges, and one that has none."""

from __future__ import annotations

import torch
from repeated_models import Cached, Rounds, floats
from torch import nn
from torch.nn import functional


class Additive(nn.Module):
    """Attention that projects its memory, before the query or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.key, self.query, self.score = nn.Linear(12, 10), nn.Linear(12, 10), nn.Linear(10, 1)

    def forward(self, query: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        keys = self.key(memory)
        scores = self.score(torch.tanh(keys + self.query(query)[:, None]))
        return (torch.softmax(scores, 1) * memory).sum(1)


class Steps(nn.Module):
    """Attention to one memory in each of four steps."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.update = Additive(), nn.Linear(12, 12)

    def forward(self, memory: torch.Tensor) -> torch.Tensor:
        state = memory[:, 0]
        for _ in range(4):
            state = torch.tanh(self.update(state + self.attention(state, memory)))
        return state


class Sampled(nn.Module):
    """A sequence that is sampled three times, the same up to its dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 24), nn.Dropout(0.5), nn.Linear(24, 5)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.layers(x) for _ in range(3)]).softmax(-1).mean(0)


class Encoder(nn.Module):
    """An encoder of sentences with a dropout behind its first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.dropout, self.second = nn.Linear(12, 24), nn.Dropout(0.1), nn.Linear(24, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(functional.relu(self.dropout(torch.sin(self.first(x)))))


class Contrasted(nn.Module):
    """An input that is encoded twice, with other dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x) @ self.encoder(x).T


class Pair(nn.Module):
    """A layer of two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(12, 12), nn.Linear(12, 12)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.one(x) + self.other(y))


class Chained(nn.Module):
    """Calls that read what earlier calls of the same layer made; two of them read the same."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.pair(x, x)
        second = self.pair(first, 2 * x)
        third = self.pair(first, second)
        return second + third + self.pair(third, first)


class Handed(nn.Module):
    """A layer that is handed the same memory in each step, and multiplies it each time."""

    def __init__(self) -> None:
        super().__init__()
        self.memory, self.pair = nn.Linear(12, 12), Pair()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        memory, y = self.memory(x), x
        for _ in range(3):
            y = y + self.pair(y, memory)
        return y


class Head(nn.Module):
    """A head that owns the trunk which it is given."""

    def __init__(self, trunk: nn.Module, classes: int) -> None:
        super().__init__()
        self.trunk, self.out = trunk, nn.Linear(16, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(functional.relu(self.trunk(x)))


class Heads(nn.Module):
    """Two heads that own one trunk."""

    def __init__(self) -> None:
        super().__init__()
        trunk = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 16))
        self.actor, self.critic = Head(trunk, 4), Head(trunk, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.actor(x) - self.critic(x)


CALLED = {
    "steps": (Steps, floats(7, 12)),
    "sampled": (Sampled, floats(12)),
    "contrasted": (Contrasted, floats(12)),
    "chained": (Chained, floats(12)),
    "handed": (Handed, floats(12)),
    "kept": (Cached, floats(9, 16)),
    "rounds": (Rounds, floats(9, 16)),
    "heads": (Heads, floats(12)),
}
