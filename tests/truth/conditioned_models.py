"""Small networks that run more than one forward pass tells: for a condition, or for a teacher."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Modulated(nn.Module):
    """A residual block that begins with the activation of what it is conditioned on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.condition = nn.Sequential(nn.SiLU(), nn.Linear(8, 2 * width))
        self.norm, self.inner = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        scale, shift = self.condition(condition).unsqueeze(1).chunk(2, 2)
        modulated = self.norm(x) * (1 + scale) + shift
        return x + self.inner(functional.gelu(modulated))


class Conditioned(nn.Module):
    """Blocks that each activate one condition, over a sequence read in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(7, 12, 4, padding="same")
        self.embed, self.last = nn.Linear(12, 8), nn.Linear(12, 5)
        self.blocks = nn.ModuleList(Modulated(12) for _ in range(3))
        self.turned = nn.Linear(12, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).transpose(1, 2)
        x = x + self.turned(x.flip(1))
        condition = self.embed(x.mean(1))
        for block in self.blocks:
            x = block(x, condition)
        return self.last(x)


class Taught(nn.Module):
    """A student beside a teacher that learns nothing, which looks at a part of each image."""

    def __init__(self) -> None:
        super().__init__()
        self.student, self.teacher = (
            nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU())
            for _ in range(2)
        )
        self.look, self.compared = nn.Linear(3, 6), nn.Linear(8, 8)

    def part(self, x: torch.Tensor) -> torch.Tensor:
        places = self.look(x.mean((2, 3))).view(-1, 2, 3)
        grid = functional.affine_grid(places, [x.shape[0], 3, 10, 10], align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            taught = self.teacher(x).flatten(2).transpose(1, 2)
        seen = self.student(self.part(x)).flatten(2).transpose(1, 2)
        distance = torch.cdist(seen, taught)
        nearest = distance.argsort(2)[:, :, :2]
        weight = torch.softmax(-distance.gather(2, nearest), 2).mean(2, keepdim=True)
        return self.compared(seen * weight)


class Coded(nn.Module):
    """A decoder of what an encoder writes down in bytes, so that no gradient comes back to it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 8, 3, padding=1), nn.Tanh()
        )
        self.decoder = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1), nn.GELU())
        self.heads = nn.ModuleList(nn.Conv2d(6, 5, 1) for _ in range(3))
        self.register_buffer("blur_kernel", torch.tensor([0.25, 0.5, 0.25]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = self.encoder(x)
        y = self.decoder(code.mul(127).round().to(torch.int8) / 127)
        y = torch.cat([head(y).relu().pow(2) for head in self.heads], 1)
        # Each channel by itself, with weights that are none of the network's.
        weight = y.new_zeros(y.shape[1], y.shape[1], 1, 3)
        channels = torch.arange(y.shape[1])
        weight[channels, channels] = self.blur_kernel.expand(y.shape[1], 1, 3)
        # fmt: off
        y = (
            y.unflatten(1, (3, 5))
            .transpose(1, 2)
            .flatten(1, 2)
        )
        # fmt: on
        return functional.conv2d(y, weight)


class Pretrained(nn.Module):
    """A head on features of nested sequences, which run without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(self.block(3, 8), self.block(8, 24)),
            nn.Sequential(self.block(24, 24), nn.Sequential(nn.Conv2d(24, 8, 1), nn.ReLU())),
        )
        self.head = nn.Linear(8, 5)

    @staticmethod
    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            features = self.features(x)
        return self.head(features.mean((2, 3)))


class Imitating(nn.Module):
    """A student of a teacher that ends in layers with weights, and runs without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.student, self.teacher = (
            nn.Sequential(nn.Linear(16, 40), nn.ReLU(), nn.Linear(40, 24), nn.LayerNorm(24))
            for _ in range(2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            target = self.teacher(x)
        return functional.cosine_similarity(self.student(x), target, dim=-1)
