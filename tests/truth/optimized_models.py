"""Small networks of which an optimizer removes copies, merges equal calls, and shares tables."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH, HEADS = 16, 2


class Sampled(nn.Module):
    """Monte Carlo dropout: one head gives several samples, which are averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(WIDTH, 24)
        self.hidden, self.out = nn.Linear(24, 20), nn.Linear(20, 4)
        self.before, self.after = nn.Dropout(0.2), nn.Dropout(0.2)

    def sample(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.hidden(self.before(x)))
        return self.out(self.after(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.trunk(x))
        samples = torch.stack([self.sample(x) for _ in range(4)])
        return samples.mean(0) - samples.std(0)


class Copied(nn.Module):
    """Attention with dropout, of copies that its lines call for, and an epsilon of nearly zero."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.dropout = nn.Dropout(0.1)

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, HEADS, width // HEADS).transpose(1, 2).contiguous()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key = self.heads(self.query(x)), self.heads(self.key(x))
        value = self.heads(self.value(x))
        mixed = torch.softmax(query @ key.transpose(-1, -2) / 3, -1) @ value
        mixed = mixed / (value.abs().sum(2, keepdim=True) + 1e-15)
        x = torch.tanh(mixed.transpose(1, 2).flatten(2)).clone()
        return self.dropout(self.out(x * 1.0))


class Turned(nn.Module):
    """Two layers that turn what they read by tables of cosines and sines, made once for both."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.register_buffer("frequencies", 1 / 100 ** (torch.arange(0, WIDTH, 2) / WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        angles = torch.arange(x.shape[1])[:, None] * self.frequencies
        angles = torch.cat([angles, angles], -1)
        cosines, sines = angles.cos() * 0.9, angles.sin() * 0.9
        for layer in self.layers:
            y = layer(x)
            turned = torch.cat([-y[..., WIDTH // 2 :], y[..., : WIDTH // 2]], -1)
            x = x + y * cosines.unsqueeze(0) + turned * sines.unsqueeze(0)
        return x * 2


class Retention(nn.Module):
    """Products of heads with a table of decays, normalized in groups of the heads."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm = nn.GroupNorm(HEADS, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        heads = self.qkv(x).view(batch, length, HEADS, -1).transpose(1, 2)
        query, key, value = heads.split(width // HEADS, -1)
        places = torch.arange(length)
        decay = (0.9 ** (places[:, None] - places)).tril()
        mixed = (query @ key.transpose(-1, -2) * decay) @ value
        mixed = self.norm(mixed.transpose(1, 2).reshape(batch * length, width))
        return x + self.out(mixed.view(batch, length, width))


class FrozenNorm(nn.Module):
    """A batch norm that is written out with its statistics."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for name, fill in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.register_buffer(name, torch.full((width,), float(fill)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = self.weight * (self.running_var + 1e-5).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


class Backbone(nn.Module):
    """A detector's backbone, of which the first stage is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.norms, self.head = nn.ModuleList(FrozenNorm(8) for _ in range(2)), nn.Linear(8, 4)
        self.first.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.norms[0](self.first(x)))
        x = functional.relu(self.norms[1](self.second(x)))
        return self.head(x.mean((2, 3)))


OPTIMIZED = {
    "sampled": (Sampled, lambda batch: torch.randn(batch, WIDTH)),
    "copied": (Copied, lambda batch: torch.randn(batch, 9, WIDTH)),
    "turned": (Turned, lambda batch: torch.randn(batch, 9, WIDTH)),
    "retained": (
        lambda: nn.Sequential(*(Retention() for _ in range(3))),
        lambda batch: torch.randn(batch, 9, WIDTH),
    ),
    "backbone": (Backbone, lambda batch: torch.randn(batch, 3, 12, 12)),
}
