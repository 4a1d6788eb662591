"""Small networks in which the order of axes in storage, or what is called, tells what is kept."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Weighing(nn.Module):
    """Einsums that sum nothing on the way: element by element, without copies."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.keys, self.head = nn.Linear(16, 24), nn.Linear(16, 6), nn.Linear(24, 5)
        self.rates = nn.Parameter(torch.rand(24, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = torch.tanh(self.map(x)).transpose(1, 2)
        states = torch.einsum("bdl,dn,bln,bdl->bldn", values, self.rates, self.keys(x), values)
        mixed = torch.einsum("bldn,bld->bdnl", states, values.transpose(1, 2))
        return self.head(mixed.contiguous().view(len(x), 24, -1).mean(-1))


class Bagged(nn.Module):
    """Sums, means and largest numbers of rows of tables."""

    def __init__(self) -> None:
        super().__init__()
        self.bags = nn.ModuleList(
            nn.EmbeddingBag(30, 12, mode=mode) for mode in ("sum", "mean", "max")
        )
        self.head = nn.Linear(36, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([bag(x) for bag in self.bags], dim=1))


class Folded(nn.Module):
    """Weighted columns of patches, which are added up where they lie over each other."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.scores = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 9, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.scores(x).flatten(2).softmax(1)
        patches = weights[:, None] * self.map(x).flatten(2)[:, :, None]
        return functional.fold(patches.flatten(1, 2), (16, 16), 3, padding=1)


class Rearranged(nn.Module):
    """Maps made of rows lie with their channels last, through all that leaves them so."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.norm = nn.Linear(3, 8), nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.left, self.right = nn.Conv2d(16, 6, 3), nn.Conv2d(16, 6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.rows(x.flatten(2).transpose(1, 2))
        maps = rows.transpose(1, 2).reshape(len(x), 8, 16, 16)
        maps = functional.pad(functional.silu(self.norm(maps)), (1, 1, 1, 1))
        maps = torch.cat([self.up(maps), functional.interpolate(maps, scale_factor=2)], 1)
        maps = functional.gelu(functional.pixel_unshuffle(maps, 2)[:, ::4])
        return self.left(maps) + self.right(maps.contiguous())


class Planes(nn.Module):
    """Activations that write into what an instance norm hands on, one beside a skipped path."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.InstanceNorm2d(16), nn.ReLU(inplace=True)
        )
        self.block = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1), nn.InstanceNorm2d(16), nn.ReLU(inplace=True)
        )
        self.head = nn.Conv2d(16, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head((x + self.block(x))[:, :16])


class Graded(nn.Module):
    """Attention over a graph, whose scores may be written over, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.score, self.act = nn.Linear(16, 4), nn.Linear(4, 2), nn.LeakyReLU(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.map(x.flatten(0, 1))
        left, right = self.score(rows).unbind(1)
        scores = self.act(left[:, None] + right)
        shares = torch.where(x.mean((1, 2)).sum() < 9, scores, -9e15)
        return functional.softmax(shares, dim=-1) @ rows


class Swish(torch.autograd.Function):
    """An activation that keeps its input alone."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return gradient * (gate * (1 + x * (1 - gate)))


class Rounded(torch.autograd.Function):
    """A rounding that hands its gradient on."""

    @staticmethod
    def forward(_: torch.autograd.function.FunctionCtx, x: torch.Tensor) -> torch.Tensor:
        return torch.round(x)

    @staticmethod
    def backward(_: torch.autograd.function.FunctionCtx, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class Customary(nn.Module):
    """Functions with derivatives of their own, of which one keeps something."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(16, 64), nn.Linear(64, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = Swish.apply(self.wide(x))
        return Rounded.apply(self.narrow(x))


class Overlapping(nn.Module):
    """Windows that share their ends, as views of the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 12), nn.Linear(12, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        row = x.stride(1)
        size = (x.size(0), (x.size(1) - 1) // 2, 3, x.size(2))
        windows = x.as_strided(size, (x.stride(0), 2 * row, row, 1))
        return self.last(torch.tanh(windows) * windows)


class Queued(nn.Module):
    """Clones of a queue of rows, of a weight, and of what it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(12, 16))
        self.last = nn.Linear(24, 6)
        self.register_buffer("queue", torch.randn(24, 12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.linear(x, self.weight.clone())
        before = torch.sigmoid(x.clone())
        scores = torch.einsum("bnc,kc->bnk", x * before, self.queue.clone().detach())
        return self.last(torch.tanh(scores))
