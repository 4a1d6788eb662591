"""Small networks to measure: each has something that a memory model gets wrong easily."""

from __future__ import annotations

import torch
from conditioned_models import Coded, Conditioned, Imitating, Pretrained, Taught
from layout_models import (
    Bagged,
    Customary,
    Folded,
    Graded,
    Overlapping,
    Planes,
    Queued,
    Rearranged,
    Weighing,
)
from loop_models import Gated, Looping
from operator_models import (
    Bending,
    Bounded,
    Compared,
    Decorrelated,
    Judged,
    Messages,
    Moved,
    Placed,
    Pointwise,
    Products,
    Ranked,
    Rated,
    Reconstructing,
    Reduced,
    Shifted,
    Spectral,
    Spectrogram,
    Stepping,
)
from placed_models import Modulated, Rotating, Rounded, Swished, Unpooled
from torch import nn
from torch.nn import functional
from undecided_models import Backbone, Factored, Following, Masking, Widest
from written_models import (
    Assigning,
    BothWays,
    Branches,
    Broadcasting,
    Halved,
    Reweighted,
    SelfGated,
    Smoothed,
    Standardized,
)


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.inner(x))


class Gate(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.wide(functional.silu(self.narrow(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(weights)


class Block(nn.Module):
    """Attention by the fused kernel, or by hand."""

    def __init__(self, width: int, heads: int, *, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.project(self.first(x)).split(width, 2)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) * (width // self.heads) ** -0.5
            mixed = scores.softmax(-1) @ v
        x = x + self.merge(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.second(x))


class Tokens(nn.Module):
    """A language model with a learned table of positions and a tied head."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 24), nn.Parameter(torch.zeros(1, 10, 24))
        self.block, self.norm = Block(24, 3, fused=fused), nn.LayerNorm(24)
        self.head = nn.Linear(24, 50, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.block(self.words(tokens) + self.places)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 12)
        self.cells = nn.GRU(12, 10, batch_first=True, bidirectional=True)
        self.head = nn.Linear(20, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.cells(self.words(tokens))[0][:, -1])


class Contraction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.randn(3, 16, 8))
        self.right = nn.Parameter(torch.randn(3, 8, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        heads = torch.einsum("btd,hdk->bhtk", x, self.left)
        return x + torch.einsum("bhtk,hkd->btd", heads.softmax(-1), self.right)


class Adapted(nn.Module):
    """A linear layer with a low-rank adapter, as PEFT computes it."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.up(self.down(x)) * 2.0


class Biased(nn.Module):
    """Attention that the fused kernel of the CPU does not take: a trained bias, one head of keys.

    Its norms have no shift, or neither gain nor shift, for which exporters put in constants.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normal, self.plain = nn.LayerNorm(16, bias=False), nn.InstanceNorm1d(7)
        self.first, self.second = nn.Linear(16, 48), nn.Linear(16, 16 + 2 * 8)
        self.bias = nn.Parameter(torch.zeros(1, 2, 7, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.plain(self.normal(x))
        x = x + _attended(*map(_heads, self.first(x).chunk(3, -1)), self.bias)
        return _share_keys(self.second(x))


def _heads(x: torch.Tensor) -> torch.Tensor:
    return x.unflatten(-1, (2, 8)).transpose(1, 2)


def _share_keys(x: torch.Tensor) -> torch.Tensor:
    return _attended(_heads(x[..., :16]), x[:, None, :, 16:24], x[:, None, :, 24:])


def _attended(*operands: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(*operands).transpose(1, 2).flatten(2)


class Choices(nn.Module):
    """Chosen elements, a path that is cut off from the backward pass, and writing into a part."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.first(x)
        chosen = scores.gather(1, scores.argsort(1)[:, :3])
        mixed = torch.sigmoid(self.second(functional.relu(scores).detach())) + 1
        mixed[:, :3] = 0
        return torch.cat((self.third(mixed), chosen), 1)


class Listed(nn.Module):
    """A head that keeps its maps in a list until it returns, and attention with its variables."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.attention = Head(), Dropping()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.attention(x))


class Head(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [x + shift for shift in range(1, 5)]
        return functional.relu(torch.cat(maps, -1)).mean(-1)


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries, keys, values = map(_heads, self.first(x).chunk(3, -1))
        attended = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=0.1)
        return self.last(attended.transpose(1, 2).flatten(2))


class Remembering(nn.Module):
    """Two LSTMs: one of two layers in both directions, and one that reads it from the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.LSTM(16, 10, num_layers=2, bidirectional=True, batch_first=True)
        self.one, self.head = nn.LSTM(20, 12), nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps, _ = self.both(x)
        _, (state, _) = self.one(steps.transpose(0, 1).flip(0))
        return self.head(state[0])


def image(batch: int) -> torch.Tensor:
    return torch.randn(batch, 3, 16, 16)


def tokens(batch: int) -> torch.Tensor:
    return torch.randint(0, 30, (batch, 10))


def rows(batch: int) -> torch.Tensor:
    return torch.randn(batch, 7, 16)


def _residual() -> nn.Module:
    inner = nn.Sequential(convolution(8, 8), nn.Conv2d(8, 8, 3, padding=1), nn.GroupNorm(2, 8))
    return nn.Sequential(
        convolution(3, 8, 2), nn.MaxPool2d(2), Residual(inner), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 5),
    )  # fmt: skip


def _mobile() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU(), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.BatchNorm2d(8),
        nn.Hardswish(), Gate(8), nn.Conv2d(8, 12, 1), nn.InstanceNorm2d(12, affine=True), nn.Mish(),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.ConvTranspose2d(12, 3, 2, 2),
    )  # fmt: skip


def _perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 24), nn.GLU(), nn.Linear(12, 24), nn.PReLU(),
        nn.Linear(24, 24), nn.Softplus(), nn.Linear(24, 6), nn.LogSoftmax(-1),
    )  # fmt: skip


NETWORKS = {
    "residual": (_residual, image),
    "mobile": (_mobile, image),
    "perceptron": (_perceptron, rows),
    "fused-attention": (lambda: Tokens(fused=True), tokens),
    "attention-by-hand": (lambda: Tokens(fused=False), tokens),
    "encoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True),
            1,
            enable_nested_tensor=False,
        ),
        rows,
    ),
    "recurrent": (Recurrent, tokens),
    "contraction": (Contraction, rows),
    "listed": (Listed, rows),
    "broadcasting": (Broadcasting, rows),
    "lstm": (lambda: BothWays(nn.LSTM), rows),
    "gru": (lambda: BothWays(nn.GRU), rows),
    "compared": (Compared, rows),
    "judged": (Judged, rows),
    "rated": (Rated, rows),
    "ranked": (Ranked, rows),
    "shifted": (Shifted, image),
    "spectrogram": (Spectrogram, rows),
    "stepping": (Stepping, rows),
    "reconstructing": (Reconstructing, rows),
    "weighing": (Weighing, rows),
    "planes": (Planes, image),
    "conditioned": (Conditioned, rows),
    "self-gated": (SelfGated, rows),
    "overlapping": (Overlapping, rows),
    "coded": (Coded, image),
    "factored": (Factored, rows),
    "following": (Following, rows),
    "backbone": (Backbone, image),
    "widest": (Widest, rows),
    "standardized": (Standardized, rows),
    "halved": (Halved, image),
    "reweighted": (Reweighted, image),
    "smoothed": (Smoothed, rows),
    "decorrelated": (Decorrelated, rows),
    "swished": (Swished, rows),
    "rounded": (Rounded, rows),
}


# What torch.export alone takes, or writes down as it ran.
EXPORTED = {
    "messages": (Messages, rows),
    "placed": (Placed, rows),
    "biased": (Biased, rows),
    "choices": (Choices, rows),
    "gated": (Gated, rows),
    "remembering": (Remembering, rows),
    "bending": (Bending, image),
    "bounded": (Bounded, rows),
    "spectral": (Spectral, rows),
    "pointwise": (Pointwise, rows),
    "moved": (Moved, image),
    "products": (Products, rows),
    "looping": (Looping, rows),
    "bagged": (Bagged, tokens),
    "folded": (Folded, image),
    "rearranged": (Rearranged, image),
    "customary": (Customary, rows),
    "graded": (Graded, rows),
    "reduced": (Reduced, rows),
    "taught": (Taught, image),
    "pretrained": (Pretrained, image),
    "imitating": (Imitating, rows),
    "queued": (Queued, rows),
    "masking": (Masking, rows),
    "branches": (Branches, rows),
    "assigning": (Assigning, rows),
    "unpooled": (Unpooled, image),
    "modulated": (Modulated, image),
    "rotating": (Rotating, rows),
}
