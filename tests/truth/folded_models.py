"""Small networks of whose parameters an optimizer computes other tensors beforehand."""

from __future__ import annotations

import torch
from default_models import DEFAULT
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

WINDOW, HEADS, WIDTH = 3, 2, 16


class ChannelNorm(nn.Module):
    """A norm over channels whose gain and shift are given axes for each call."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(1, keepdim=True) + 1e-6).sqrt()
        return self.gain[:, None, None] * scaled + self.shift[:, None, None]


class Windows(nn.Module):
    """Attention in a window: a bias out of a table, a token, a temperature, two equal norms."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.first, self.second = (
            nn.Conv2d(3, WIDTH, 4, 4),
            *map(ChannelNorm, [WIDTH] * 2),
        )
        self.mix = nn.Conv2d(WIDTH, WIDTH, 1)
        self.query, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.table = nn.Parameter(torch.randn((2 * WINDOW - 1) ** 2 + 1, HEADS))
        self.temperature = nn.Parameter(torch.zeros(HEADS, 1, 1))
        place = torch.stack(torch.meshgrid(*[torch.arange(WINDOW)] * 2, indexing="ij")).flatten(1)
        ahead = (place[:, :, None] - place[:, None]) + WINDOW - 1
        between = ahead[0] * (2 * WINDOW - 1) + ahead[1]
        last = len(self.table) - 1  # for all that the token has to do with
        self.register_buffer("between", functional.pad(between, (1, 0, 1, 0), value=last))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(self.mix(self.first(self.cut(x)))).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(len(x), -1, -1), x), 1)
        batch, places, _ = x.shape
        parts = self.query(x).view(batch, places, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        scores = (parts[0] @ parts[1].transpose(-1, -2)) * self.temperature.exp()
        bias = self.table[self.between.view(-1)].view(places, places, HEADS)
        bias = bias.permute(2, 0, 1).contiguous()
        mixed = (scores + bias.unsqueeze(0)).softmax(-1) @ parts[2]
        return self.out(mixed.transpose(1, 2).reshape(batch, places, WIDTH))


class Words(nn.Module):
    """Positions of which a part is used, prompts for two blocks, and scores in two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, WIDTH), nn.Parameter(torch.randn(1, 24, WIDTH))
        self.prompts = nn.Parameter(torch.randn(2, 3, WIDTH))
        self.scores = nn.Parameter(torch.randn(2 * WIDTH, 1))
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.words(tokens) + self.places[:, : tokens.shape[1]]
        for prompt, layer in zip(self.prompts, self.layers, strict=True):
            x = torch.cat((prompt.unsqueeze(0).expand(len(x), -1, -1), x), 1)
            ahead, back = x @ self.scores[:WIDTH], x @ self.scores[WIDTH:]
            x = layer((ahead + back.transpose(1, 2)).softmax(-1) @ x)
        return x


class Voice(nn.Module):
    """Convolutions whose weights are directions times magnitudes, or divided by a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.before = parametrizations.weight_norm(nn.Conv1d(4, 12, 5, padding=2))
        self.body = parametrizations.weight_norm(nn.ConvTranspose1d(12, 8, 4, 2, 1))
        self.after = parametrizations.spectral_norm(nn.Conv1d(8, 2, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(torch.tanh(self.body(torch.tanh(self.before(x)))))


class Turning(nn.Module):
    """A layer that turns pairs of numbers by angles, which it works out in each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("speeds", 100.0 ** -torch.linspace(0, 1, WIDTH // 2))

    def waves(self, places: int) -> tuple[torch.Tensor, torch.Tensor]:
        angles = torch.outer(torch.arange(places).float(), self.speeds)
        angles = torch.cat((angles, angles), -1)
        return angles.cos(), angles.sin()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer(x)
        cos, sin = self.waves(x.shape[1])
        turned = torch.cat((-x[..., WIDTH // 2 :], x[..., : WIDTH // 2]), -1)
        return functional.relu(x * cos + turned * sin)


NETWORKS = {
    "windows": (Windows, lambda batch: torch.randn(batch, 3, 12, 12)),
    "words": (Words, lambda batch: torch.randint(50, (batch, 10))),
    "turning": (
        lambda: nn.Sequential(Turning(), Turning()),
        lambda batch: torch.randn(batch, 10, WIDTH),
    ),
    "voice": (Voice, lambda batch: torch.randn(batch, 4, 20)),
    **DEFAULT,
}
