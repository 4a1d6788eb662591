"""Networks that are written out in ways that exporters change, and files tell nevertheless."""

import torch
from torch import nn
from torch.nn import functional


class Standardized(nn.Module):
    """A layer norm in steps of its own, beside the framework's."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(16, 24), nn.LayerNorm(24), nn.Linear(24, 4)
        self.gain, self.shift = nn.Parameter(torch.ones(24)), nn.Parameter(torch.zeros(24))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        centred = x - x.mean(-1, keepdim=True)
        deviation = torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5)
        return self.head(self.norm(torch.relu(centred / deviation * self.gain + self.shift)))


class Reweighted(nn.Module):
    """A convolution whose weights a batch norm standardizes, without running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(24, 3, 16, 16))
        self.gain = nn.Parameter(torch.ones(24))
        self.head = nn.Linear(24, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.weight.reshape(1, 24, -1)
        standard = functional.batch_norm(rows, None, None, weight=self.gain * 0.5, training=True)
        x = functional.conv2d(x, standard.reshape_as(self.weight))
        return self.head(torch.relu(x).mean((2, 3)))


class Halved(nn.Module):
    """A group norm of a part of the channels, which it copies."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.head = (
            nn.Conv2d(3, 8, 3),
            nn.GroupNorm(2, 4),
            nn.Conv2d(8, 2, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        some, others = self.first(x).chunk(2, dim=1)
        return self.head(torch.cat([self.norm(some), others], dim=1))


class Smoothed(nn.Module):
    """A moving average along the second axis, whose channels lie last before and after it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(16, 24), nn.Linear(7, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        smooth = functional.avg_pool1d(self.first(x).transpose(1, 2), 3, 1, 1)
        return self.head(smooth)


class Branches(nn.Module):
    """Residual branches that are added up, with one line a loop and one name for two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(16, 64), nn.Linear(64, 2)
        self.branches = nn.ModuleList(
            nn.ModuleList(nn.Linear(64, 64) for _ in range(2)) for _ in range(2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x.repeat(1, 16, 1))
        total = None
        for branch in self.branches:
            y = x
            for layer in branch: y = layer(functional.leaky_relu(y, 0.1)) + y  # fmt: skip # noqa: E701
            total = y if total is None else total + y
        return torch.tanh(self.head(functional.leaky_relu(total / 2)))


class Assigning(nn.Module):
    """Targets worked out without a gradient, of what is made with one and of no weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, 12), nn.Linear(16, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, other = self.first(x), self.second(x)
        with torch.no_grad():
            target = torch.exp(other * 0.1)
            target = target / target.sum(-1, keepdim=True)
        return target * functional.log_softmax(one, -1)


class SelfGated(nn.Module):
    """Functions of a tensor and of a gate that another module makes of it: swish, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(4))
        self.gates = nn.ModuleList((nn.Sigmoid(), nn.Hardsigmoid(), nn.ReLU6(), nn.Sigmoid()))
        self.swish, self.head = nn.SiLU(), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layers[0](x)
        x = self.layers[1](x * self.gates[0](x))
        x = self.layers[2](x * self.gates[1](x))
        x = self.layers[3](x * self.gates[2](x + 3) / 6)
        return self.head(self.swish(torch.log(self.gates[3](x))))


class Broadcasting(nn.Module):
    """Products of a few matrices of weights with the rows of each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.weight = nn.Linear(16, 16), nn.Parameter(torch.randn(4, 24, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x)[:, None] @ self.weight.transpose(1, 2)


class BothWays(nn.Module):
    """A recurrent layer in both directions, whose weights are larger than what it keeps."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.first, self.steps = nn.Linear(16, 12), kind(12, 24, bidirectional=True)
        self.head = nn.Linear(48, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        entered = self.first(x).transpose(0, 1)
        steps, _ = self.steps(entered)
        return self.head(steps)
