"""Small networks around operators that keep what one would not think."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Ranked(nn.Module):
    """Places that are data: neighbours by rank, a triangle of products, a table of a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.head = nn.Linear(16, 12), nn.Linear(12, 40)
        self.shift = nn.Parameter(torch.zeros(3, 12))
        self.register_buffer("order", torch.arange(7) % 3)
        self.register_buffer("bias", torch.ones(9, 9))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x) + self.shift[self.order]
        products = (x @ x.transpose(1, 2)).masked_fill(self.bias[:7, :7] == 0, -1e9)
        weighted = products.tril() @ x
        nearest = (x.transpose(1, 2) @ x)[:, :7, :7].topk(3)[1].flatten(1)[..., None]
        return self.head(weighted.gather(1, nearest.expand(-1, -1, 12)))


class Spectral(nn.Module):
    """A long convolution by way of spectra, and rows and columns mixed as in FNet."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.head = nn.Linear(16, 12), nn.Linear(12, 5)
        self.kernel = nn.Parameter(torch.randn(7, 12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x)
        spectrum = torch.fft.rfft(x, n=14, dim=1) * torch.fft.rfft(self.kernel, n=14, dim=0)
        x = x * torch.fft.irfft(spectrum, n=14, dim=1)[:, :7]
        return self.head(torch.fft.fft(torch.fft.fft(x), dim=1).real)


class Spectrogram(nn.Module):
    """Spectra of overlapping frames of a computed signal."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.head = nn.Linear(16, 20), nn.Linear(9, 5)
        self.register_buffer("window", torch.hann_window(16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames = torch.stft(
            self.map(x).flatten(1), 16, 8, window=self.window, center=False, return_complex=False
        )
        return self.head(frames.pow(2).sum(-1).transpose(1, 2))


class Reconstructing(nn.Module):
    """An autoencoder that works out its own loss."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(16, 40), nn.Linear(40, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = torch.sigmoid(self.wide(torch.tanh(self.narrow(x))))
        return functional.mse_loss(found, x)


class Bending(nn.Module):
    """Activations in place and not, as the lines of the program say."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(inputs, 8, 1) for inputs in (3, 8, 2, 8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second, third, fourth, last = self.layers
        x = functional.elu(first(x), inplace=True)
        x = functional.pixel_shuffle(second(x), 2)
        x = functional.leaky_relu(x, 0.2, True)
        x = functional.celu(third(x))
        x = functional.leaky_relu(fourth(x).flatten(2), 0.1)
        return last(torch.selu_(functional.max_pool2d(x.view(-1, 8, 32, 32), 2)))


class Stepping(nn.Module):
    """A cell that is called step by step, and at last written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(16, 12), nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(x.shape[0], 12)
        for step in range(2):
            state = self.cell(x[:, step], state)
        read, held = functional.linear(x[:, 2], self.cell.weight_ih), self.cell.weight_hh
        parts = zip(read.chunk(3, 1), functional.linear(state, held).chunk(3, 1), strict=True)
        (reset, kept), (update, also), (new, old) = parts
        new = torch.tanh(new + torch.sigmoid(reset + kept) * old)
        return self.head(new + torch.sigmoid(update + also) * (state - new))


class Shifted(nn.Module):
    """Half of the channels moved by a row, which are written into a tensor of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)
        self.pool = nn.AdaptiveMaxPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x)
        moved = torch.zeros_like(x)
        moved[:, :4, 1:] = x[:, :4, :-1]
        return self.head(self.pool(moved * x).flatten(1))


class Compared(nn.Module):
    """Pairs of rows compared by angle and by distance, and angles of pairs of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(16, 24), nn.Linear(16, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.left(x), self.right(x)
        alike = functional.cosine_similarity(left[:, :, None], right[:, None], dim=-1)
        return alike @ torch.atan2(left, right)


class Bounded(nn.Module):
    """A threshold, and losses that are lines away from zero, beside one that is written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(16, 40), nn.Linear(40, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = functional.threshold(self.narrow(x), 0.1, 0.0)
        found = self.wide(hidden)
        loss = functional.smooth_l1_loss(found, x)
        away = (found.mean(1) - 1).abs()
        loss = loss + torch.where(away < 1.0, 0.5 * away**2, away - 0.5).mean()
        loss = loss + functional.binary_cross_entropy(found.sigmoid(), x.sigmoid())
        return loss + functional.huber_loss(found.mean(-1), x.mean(-1))


class Judged(nn.Module):
    """Scores that are judged inside of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(16, 40), nn.Linear(40, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.wide(torch.tanh(self.narrow(x)))
        return functional.binary_cross_entropy_with_logits(scores, x.sigmoid())


class Rated(Judged):
    """The same, where what is there counts more, and more for some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pos_weight", torch.rand(16) + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.wide(torch.tanh(self.narrow(x)))
        weight = self.pos_weight
        return functional.binary_cross_entropy_with_logits(scores, x.sigmoid(), pos_weight=weight)


class Pointwise(nn.Module):
    """Functions of each element that torch.export names or takes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(16, 16) for _ in range(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = iter(self.maps)
        x = torch.lerp(x, next(maps)(x), torch.sigmoid(next(maps)(x)))
        x = torch.addcmul(x, next(maps)(x), torch.sigmoid(x))
        x = torch.addcdiv(x, next(maps)(x), x.abs() + 1)
        x = torch.remainder(next(maps)(x), x.exp()) + torch.fmod(x, 0.7)
        x = functional.hardshrink(next(maps)(x)) + functional.softshrink(x)
        x = torch.frac(x) - torch.trunc(torch.sinc(x))
        x = torch.logit(torch.sigmoid(x), 1e-3) + torch.nan_to_num(x)
        x = torch.xlogy(next(maps)(x).abs(), x.exp()) + torch.logaddexp(x, next(maps)(x))
        return 2.0**x


class Moved(nn.Module):
    """Elements that are looked up, moved and written elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.last = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3)
        self.register_buffer("groups", torch.arange(8) % 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x)
        theta = x.mean((2, 3))[:, :6].view(-1, 2, 3)
        grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
        x = functional.grid_sample(x, grid, align_corners=False)
        x = self.last(functional.pad(x, (1, 1, 1, 1), mode="circular"))
        x = functional.interpolate(x, scale_factor=2, mode="nearest-exact")
        size, step = x.shape[-2:], 2
        windows = functional.unfold(x, step, stride=step)
        x = functional.fold(windows * 2, size, step, stride=step)
        diagonal = torch.sigmoid(x.diagonal(dim1=2, dim2=3))
        longer = functional.interpolate(diagonal, scale_factor=2, mode="linear")
        places = self.groups[:, None].expand(8, longer.shape[-1]).expand_as(longer)
        return torch.zeros_like(longer[:, :3]).scatter_reduce(1, places, longer, "amax")


class Products(nn.Module):
    """Products of a kind of their own: bilinear, outer, of complex and of whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.pairs = nn.Linear(16, 12), nn.Bilinear(12, 12, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x)
        x = x * functional.one_hot(x.argmax(-1), 12)
        outer = torch.einsum("bic,bjd->bijcd", x[..., :4], x[..., 4:8])
        spectrum = torch.fft.rfft(x, dim=1).abs()
        pairs = self.pairs(x, torch.tanh(x))
        return outer.mean((2, 4)).sum(-1) + pairs.std(-1) + spectrum.sum((1, 2))[:, None]


class Reduced(nn.Module):
    """What is multiplied and added at places that are data, and an index that one factor has."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.other, self.head = nn.Linear(16, 12), nn.Linear(16, 12), nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, other = self.map(x), self.other(x)
        places = other.argsort(-1)
        x = torch.sigmoid(x.scatter_reduce(2, places, other, "prod"))
        x = torch.sigmoid(x.scatter_reduce(2, places, other, "sum"))
        return self.head(torch.einsum("bij,bk->bk", x, other[:, 0]))


class Messages(nn.Module):
    """Every edge of a graph adds something of its source to its target."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, 24), nn.Linear(24, 24)
        self.register_buffer("source", torch.tensor([0, 1, 2, 3, 4, 5, 6, 0, 2]))
        self.register_buffer("target", torch.tensor([1, 2, 3, 4, 5, 6, 0, 3, 5]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = self.first(x)
        sent = functional.relu(self.second(nodes[:, self.source]))
        return nodes + torch.zeros_like(nodes).index_add(1, self.target, sent)


class Placed(Messages):
    """The same edges, whose sources are put into rows instead of added to them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        nodes = self.first(x).transpose(0, 1)
        sent = functional.silu(self.second(nodes[self.source]))
        return nodes + torch.zeros_like(nodes).index_put((self.target,), sent, accumulate=True)


class Decorrelated(nn.Module):
    """A loss of the diagonals of matrices, two of them beside the main one."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(16, 12), nn.Linear(16, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        matrix = self.one(x).transpose(1, 2) @ self.other(x)
        main = torch.diagonal(matrix, dim1=-2, dim2=-1)
        beside = torch.diagonal(matrix.sum(0), 1)
        return torch.sin(main).sum() + (beside**3).sum()
