"""Networks to measure under autocast: every kind of layer that it treats in a way of its own.

Those of `HELD_OUT` were written before the model of autocast was, and first measured after it.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from training_models import NETWORKS as PLAIN
from training_models import Gate, Residual, convolution, image, rows, tokens


class Skip(nn.Module):
    """A residual branch without an activation after the sum."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


class Attention(nn.Module):
    """Attention with separate projections, fused or by hand, with dropout on the weights."""

    def __init__(
        self, width: int, heads: int, *, fused: bool, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        self.heads, self.fused, self.rate = heads, fused, dropout
        self.q, self.k = nn.Linear(width, width, bias), nn.Linear(width, width, bias)
        self.v, self.out = nn.Linear(width, width, bias), nn.Linear(width, width, bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = (
            layer(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v)
        else:
            scores = torch.matmul(q, k.transpose(-2, -1)) / (width // self.heads) ** 0.5
            weights = functional.softmax(scores, dim=-1)
            mixed = torch.matmul(self.dropout(weights) if self.rate else weights, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class RootMeanSquare(nn.Module):
    """RMS norm written by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Gated(nn.Module):
    """A feed-forward layer gated by SiLU."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(width, inner, False), nn.Linear(width, inner, False)
        self.down = nn.Linear(inner, width, False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Encoder(nn.Module):
    """A post-norm language model with dropout, as BERT is."""

    def __init__(self, *, fused: bool = False) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(40, 16), nn.Embedding(10, 16)
        self.norm, self.dropout = nn.LayerNorm(16), nn.Dropout(0.1)
        self.attention = Attention(16, 2, fused=fused, dropout=0.0 if fused else 0.1)
        self.first, self.second = nn.LayerNorm(16), nn.LayerNorm(16)
        self.mlp = nn.Sequential(nn.Linear(16, 48), nn.GELU(), nn.Linear(48, 16), nn.Dropout(0.1))
        self.head = nn.Linear(16, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = self.places(torch.arange(tokens.shape[1]))
        x = self.dropout(self.norm(self.words(tokens) + places))
        x = self.first(x + self.dropout(self.attention(x)))
        x = self.second(x + self.mlp(x))
        return self.head(torch.tanh(x[:, 0]))


class Decoder(nn.Module):
    """Two pre-norm blocks with a tied head, as GPT has them."""

    def __init__(self, norm: type[nn.Module] = nn.LayerNorm, *, gated: bool = False) -> None:
        super().__init__()
        self.words = nn.Embedding(40, 16)
        mlps = [
            Gated(16, 40)
            if gated
            else nn.Sequential(nn.Linear(16, 64), nn.GELU(approximate="tanh"), nn.Linear(64, 16))
            for _ in range(2)
        ]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    Skip(norm(16), Attention(16, 2, fused=True, bias=not gated)),
                    Skip(norm(16), mlp),
                )
                for mlp in mlps
            )
        )
        self.norm, self.head = norm(16), nn.Linear(16, 40, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.blocks(self.words(tokens))))


class Vision(nn.Module):
    """Patches, a class token, learned places, one block, and a head on the token."""

    def __init__(self, *, scaled: bool = False) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.places = nn.Parameter(torch.zeros(1, 17, 16))
        self.first, self.second = nn.LayerNorm(16), nn.LayerNorm(16)
        self.attention = Attention(16, 2, fused=not scaled)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.scale = nn.Parameter(torch.ones(16)) if scaled else None
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        mixed = self.attention(self.first(x))
        x = x + (mixed if self.scale is None else self.scale * mixed)
        x = x + self.mlp(self.second(x))
        return self.head(self.norm(x)[:, 0])


class Unet(nn.Module):
    """Down, up and a concatenation, with batch or group norms."""

    def __init__(self, norm: type[nn.Module] | None = None, *, upsample: bool = False) -> None:
        super().__init__()

        def block(inputs: int, outputs: int) -> nn.Module:
            middle = nn.BatchNorm2d(outputs) if norm is None else nn.GroupNorm(2, outputs)
            act = nn.ReLU() if norm is None else nn.SiLU()
            return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), middle, act)

        self.down, self.bottom = block(3, 8), block(8, 16)
        self.pool = nn.MaxPool2d(2)
        self.up: nn.Module = (
            nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(16, 8, 1))
            if upsample
            else nn.ConvTranspose2d(16, 8, 2, 2)
        )
        self.join, self.head = block(16, 8), nn.Conv2d(8, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        down = self.down(x)
        up = self.up(self.bottom(self.pool(down)))
        return self.head(self.join(torch.cat([up, down], 1)))


class Dense(nn.Module):
    """Concatenations of all that came before."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(8 + 4 * index), nn.ReLU(), nn.Conv2d(8 + 4 * index, 4, 3, padding=1)
            )
            for index in range(3)
        )
        self.pool, self.head = nn.AvgPool2d(2), nn.Linear(20, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.head(self.pool(x).mean((2, 3)))


class Channels(nn.Module):
    """A ConvNeXt block: depthwise, a layer norm over channels, and a scale a channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.depth = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm, self.wide, self.narrow = nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)
        self.scale, self.head = nn.Parameter(torch.full((8,), 1e-2)), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        y = self.scale * self.narrow(functional.gelu(self.wide(y)))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(x.mean((2, 3)))


class Mixer(nn.Module):
    """Products along positions, then along features."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(16), nn.LayerNorm(16)
        self.along = nn.Sequential(nn.Linear(7, 14), nn.GELU(), nn.Linear(14, 7))
        self.across = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 16))
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.along(self.first(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.across(self.second(x))
        return self.head(x.mean(1))


class Autoencoder(nn.Module):
    """A variational autoencoder: exponentials between products."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(16, 32), nn.Softplus(), nn.Linear(32, 12))
        self.decode = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 16), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, logarithm = self.encode(x).chunk(2, -1)
        return self.decode(mean + torch.exp(0.5 * logarithm) * mean)


class Shared(nn.Module):
    """One weight in two products, and one input of three layers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.bias = nn.Linear(16, 16), nn.Parameter(torch.zeros(7, 16))
        self.sides = nn.ModuleList(nn.Linear(16, 8) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.leaky_relu(self.inner(x)) + self.bias
        x = functional.elu(self.inner(x)) * self.bias
        first, second, third = (side(x) for side in self.sides)
        return (first * torch.sigmoid(second) + third).sum(1)


def _residual_network() -> nn.Module:
    """Two stages of basic blocks, the second one with a projection."""

    class Projected(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(
                convolution(8, 16, 2), nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            )
            self.side = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return functional.relu(self.inner(x) + self.side(x))

    inner = nn.Sequential(
        convolution(8, 8), nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
    )
    return nn.Sequential(
        convolution(3, 8), nn.MaxPool2d(3, 2, 1), Residual(inner), Projected(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5),
    )  # fmt: skip


def _squeezing() -> nn.Module:
    """Inverted residuals with hard swish and a gate, as MobileNetV3 has them."""

    def block() -> nn.Module:
        return Skip(
            nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), nn.Hardswish(),
            nn.Conv2d(24, 24, 3, 1, 1, groups=24, bias=False), nn.BatchNorm2d(24), nn.Hardswish(),
            Gate(24), nn.Conv2d(24, 8, 1, bias=False), nn.BatchNorm2d(8),
        )  # fmt: skip

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.SiLU(), block(), block(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, 4), nn.LogSoftmax(-1),
    )  # fmt: skip


def _activations() -> nn.Module:
    kinds = (nn.ReLU, nn.SiLU, nn.Mish, nn.Hardswish, nn.ELU, nn.Softplus, nn.Tanh, nn.ReLU6)
    return nn.Sequential(*(part for kind in kinds for part in (nn.Linear(16, 16), kind())))


def _plain_convolutions() -> nn.Module:
    """A network without norms, as VGG is."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 24), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(24, 5),
    )  # fmt: skip


def _discriminator() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.1), nn.Conv2d(8, 16, 4, 2, 1, bias=False),
        nn.InstanceNorm2d(16, affine=True), nn.LeakyReLU(0.1), nn.Conv2d(16, 1, 4), nn.Sigmoid(),
    )  # fmt: skip


def _sequences() -> nn.Module:
    """Dilated convolutions over time."""

    def block(dilation: int) -> nn.Module:
        return Skip(
            nn.Conv1d(7, 7, 3, padding=dilation, dilation=dilation), nn.BatchNorm1d(7), nn.ReLU(),
            nn.Dropout(0.1), nn.Conv1d(7, 7, 1),
        )  # fmt: skip

    return nn.Sequential(block(1), block(2), block(4), nn.Flatten(), nn.Linear(112, 3))


def _volumes() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(1, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.MaxPool3d(2),
        nn.Conv3d(4, 8, 3, padding=1), nn.GELU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
        nn.Linear(8, 3),
    )  # fmt: skip


def volume(batch: int) -> torch.Tensor:
    return torch.randn(batch, 1, 8, 8, 8)


SEEN = {
    **PLAIN,
    "residual-network": (_residual_network, image),
    "bert": (Encoder, tokens),
    "gpt": (Decoder, tokens),
    "unet": (Unet, image),
    "activations": (_activations, rows),
    "shared": (Shared, rows),
    "autoencoder": (Autoencoder, rows),
}
HELD_OUT = {
    "squeezing": (_squeezing, image),
    "llama": (lambda: Decoder(RootMeanSquare, gated=True), tokens),
    "vision": (Vision, image),
    "vision-scaled": (lambda: Vision(scaled=True), image),
    "diffusion": (lambda: Unet(nn.GroupNorm, upsample=True), image),
    "dense": (Dense, image),
    "channels": (Channels, image),
    "mixer": (Mixer, rows),
    "bert-fused": (lambda: Encoder(fused=True), tokens),
    "plain-convolutions": (_plain_convolutions, image),
    "discriminator": (_discriminator, image),
    "sequences": (_sequences, rows),
    "volumes": (_volumes, volume),
    "rms": (lambda: Decoder(nn.RMSNorm), tokens),
}
NETWORKS = {**SEEN, **HELD_OUT}
