"""Networks of which a file does not tell all that decides what training keeps."""

import torch
from torch import nn
from torch.nn import functional


class Factors(nn.Module):
    """A frozen layer with low-rank factors beside it (Hu et al. 2021)."""

    def __init__(self, width: int, rank: int = 2) -> None:
        super().__init__()
        self.base = nn.Linear(width, width).requires_grad_(requires_grad=False)
        self.down = nn.Parameter(torch.randn(rank, width))
        self.up = nn.Parameter(torch.zeros(width, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + (x @ self.down.T) @ self.up.T * 2.0


class Factored(nn.Module):
    """Two adapted layers and a frozen one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Factors(16), Factors(16)
        self.head = nn.Linear(16, 4).requires_grad_(requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(functional.gelu(self.second(torch.tanh(self.first(x)))))


class FrozenNorm(nn.Module):
    """Batch norm with stored statistics, as detectors write it out: all that it has are buffers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.register_buffer(name, torch.full((channels,), float(value)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias, mean, variance = (
            each.reshape(1, -1, 1, 1)
            for each in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = weight * (variance + 1e-5).rsqrt()
        return x * scale + (bias - mean * scale)


class Backbone(nn.Module):
    """A detector's backbone, of which the first layer is frozen, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, bias=False).requires_grad_(requires_grad=False)
        self.layer, self.head = nn.Conv2d(8, 8, 3, bias=False), nn.Conv2d(8, 2, 1)
        self.first, self.second = FrozenNorm(8), FrozenNorm(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.first(self.stem(x)))
        return self.head(functional.relu(self.second(self.layer(x))))


class Widest(nn.Module):
    """The largest of a row, found by two functions that TorchScript writes the same."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(16, 24), nn.Linear(16, 24), nn.Linear(1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, other = self.first(x), self.second(x)
        return self.head(one.amax(-1, keepdim=True) + other.max(-1, keepdim=True).values)


class Masking(nn.Module):
    """Grouped attention with a mask that is made only while the network is exported."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.pair, self.out = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        query = self.query(x).view(batch, length, 4, 4).transpose(1, 2)
        pair = self.pair(x).view(batch, length, 2, 2, 4).permute(2, 0, 3, 1, 4)
        key, value = pair.unbind(0)
        if torch.compiler.is_exporting():
            places = torch.arange(length)
            mask = (places[None, :] <= places[:, None]).expand(batch, 1, length, length)
            key, value = (each.repeat_interleave(2, 1) for each in (key, value))
            mixed = functional.scaled_dot_product_attention(query, key, value, mask)
        else:
            mixed = functional.scaled_dot_product_attention(
                query, key, value, is_causal=True, enable_gqa=True
            )
        return self.out(mixed.transpose(1, 2).reshape(batch, length, 16))


class Following(nn.Module):
    """A network and one that follows it without a gradient, as a momentum encoder does."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 8))
        self.teacher = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 8))
        self.teacher.load_state_dict(self.student.state_dict())
        self.teacher.requires_grad_(requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            target = functional.softmax(self.teacher(x), -1)
        return target * functional.log_softmax(self.student(x), -1)
