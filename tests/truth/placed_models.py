"""Small networks with maxima that go back, added products, and gradients that are cut off."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Unpooled(nn.Module):
    """Maxima that go back to where they were found."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.middle, self.after = (
            nn.Conv2d(3, 8, 3, padding=1),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.Conv2d(8, 3, 3, padding=1),
        )
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, places = self.pool(torch.relu(self.before(x)))
        return self.after(self.unpool(torch.relu(self.middle(x)), places))


class Modulated(nn.Module):
    """Features that a product shifts, both of whose factors are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.modulation = nn.Conv2d(3, 8, 3), nn.Linear(3, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gain, shift = self.modulation(x.mean((2, 3)))[:, :, None, None].chunk(2, 1)
        return torch.addcmul(shift, self.map(x), gain).relu()


class Swished(nn.Module):
    """The same function, called, and written out in two ways."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.silu(self.one(x))
        x = self.two(x)
        x = self.three(x * torch.sigmoid(x))
        return torch.sigmoid(x) * x


class Rounded(nn.Module):
    """Features that are rounded, with a gradient as if they were not."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(16, 12), nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.before(x))
        x = x + ((4 * x).round() / 4 - x).detach()
        return self.after(x)


class Rotating(nn.Module):
    """A product of complex numbers by their parts: each of four factors is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.real, self.imaginary = nn.Linear(16, 12), nn.Linear(16, 12)
        self.one, self.other = (nn.Parameter(torch.randn(12, 12, 7)) for _ in range(2))
        self.head = nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        real, imaginary = (part(x).transpose(1, 2) for part in (self.real, self.imaginary))
        mixed = torch.einsum("bim,iom->bom", real, self.one)
        mixed = mixed - torch.einsum("bim,iom->bom", imaginary, self.other)
        turned = torch.einsum("bim,iom->bom", real, self.other)
        turned = turned + torch.einsum("bim,iom->bom", imaginary, self.one)
        return self.head(torch.tanh(mixed) * torch.tanh(turned))
