"""Small networks that repeat calls or multiply parameters: an optimizer does so once."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional

Tensors = tuple[torch.Tensor, ...]


class Decoder(nn.Module):
    """Additive attention that projects its memory in each step, as far as a GRU cell goes."""

    def __init__(self) -> None:
        super().__init__()
        self.key, self.query, self.score = nn.Linear(12, 10), nn.Linear(14, 10), nn.Linear(10, 1)
        self.cell, self.out = nn.GRUCell(12, 14), nn.Linear(14, 5)

    def forward(self, memory: torch.Tensor) -> torch.Tensor:
        state, found = memory.new_zeros(len(memory), 14), []
        for _ in range(3):
            scores = self.score(torch.tanh(self.key(memory) + self.query(state)[:, None]))
            state = self.cell((torch.softmax(scores, 1) * memory).sum(1), state)
            found.append(self.out(state))
        return torch.stack(found, 1)


class Biased(nn.Module):
    """Attention over the places of a map, with a bias a distance, of copies of what it takes."""

    def __init__(self, side: int = 4) -> None:
        super().__init__()
        self.qkv, self.out = nn.Conv2d(16, 48, 1), nn.Conv2d(16, 16, 1)
        self.table = nn.Parameter(torch.randn((2 * side - 1) ** 2, 2))
        at = torch.stack(torch.meshgrid(*[torch.arange(side)] * 2, indexing="ij")).flatten(1)
        apart = at[:, :, None] - at[:, None, :] + side - 1
        self.register_buffer("distances", apart[0] * (2 * side - 1) + apart[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, width, *sides = x.shape
        parts = self.qkv(x).view(batch, 2, -1, x.shape[2] * x.shape[3]).chunk(3, dim=2)
        query, key, value = (part.transpose(-1, -2).contiguous() for part in parts)
        bias = self.table[self.distances].permute(2, 0, 1).unsqueeze(0).contiguous()
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.out(mixed.transpose(-1, -2).reshape(batch, width, *sides))


class Rounds(nn.Module):
    """Attention of several heads, called in rounds with the same keys and values."""

    def __init__(self, *, fused: bool = False) -> None:
        super().__init__()
        self.fused = fused
        self.query, self.key, self.value, self.out = (nn.Linear(16, 16) for _ in range(4))

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(len(x), -1, 2, 8).transpose(1, 2)

    def forward(self, memory: torch.Tensor) -> torch.Tensor:
        x = memory[:, :3]
        for _ in range(3):
            query, key, value = (
                self.heads(part(y))
                for part, y in ((self.query, x), (self.key, memory), (self.value, memory))
            )
            if self.fused:
                mixed = functional.scaled_dot_product_attention(query, key, value)
            else:
                mixed = torch.softmax(query @ key.transpose(-1, -2) / 8**0.5, -1) @ value
            x = torch.tanh(self.out(mixed.transpose(1, 2).reshape(len(x), -1, 16)))
        return x


class Cached(Rounds):
    """The same with keys and values that are worked out once."""

    def forward(self, memory: torch.Tensor) -> torch.Tensor:
        x = memory[:, :3]
        key, value = self.heads(self.key(memory)), self.heads(self.value(memory))
        for _ in range(3):
            mixed = torch.softmax(self.heads(self.query(x)) @ key.transpose(-1, -2), -1) @ value
            x = torch.tanh(self.out(mixed.transpose(1, 2).reshape(len(x), -1, 16)))
        return x


class Heads(nn.Module):
    """A trunk that each head runs anew, and two copies of a critic."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
        self.policy, self.value = nn.Linear(24, 4), nn.Linear(24, 1)
        self.critic = nn.Sequential(nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 1))
        self.other = copy.deepcopy(self.critic)

    def forward(self, x: torch.Tensor) -> Tensors:
        lower = torch.minimum(self.critic(x), self.other(x))
        return self.policy(self.trunk(x)), lower, self.value(self.trunk(x))


class Merging(nn.Module):
    """Patches of a feature map that are cut out twice, and a head that is detached."""

    def __init__(self) -> None:
        super().__init__()
        self.cut, self.mix, self.head = nn.Conv2d(3, 6, 2, 2), nn.Linear(24, 8), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> Tensors:
        x = self.cut(x).permute(0, 2, 3, 1)
        parts = [x[:, i::2, j::2] for j in range(2) for i in range(2)]
        x = self.mix(torch.cat(parts, -1))
        return self.head(torch.relu(x)), self.head(torch.relu(x)).detach() * 2


class Normalized(nn.Module):
    """A convolution with a batch norm that two heads call: no call after it tells how often."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv1d(6, 8, 3), nn.BatchNorm1d(8)
        self.first, self.second = nn.Linear(8, 3), nn.Linear(8, 2)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.norm(self.convolution(x))).mean(-1)

    def forward(self, x: torch.Tensor) -> Tensors:
        return self.first(self.features(x)), self.second(self.features(x))


class Positions(nn.Module):
    """A bias of attention by a small network over relative positions: its first product folds."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.bias = nn.Sequential(nn.Linear(2, 200), nn.ReLU(), nn.Linear(200, 2, bias=False))
        side = torch.arange(-3, 4, dtype=torch.float32) / 3
        self.register_buffer("table", torch.stack(torch.meshgrid(side, side, indexing="ij"), -1))
        place = torch.stack(torch.meshgrid(*[torch.arange(4)] * 2, indexing="ij")).flatten(1)
        ahead = place[:, :, None] - place[:, None] + 3
        self.register_buffer("between", ahead[0] * 7 + ahead[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self.query(x).view(len(x), 16, 3, 2, 8).permute(2, 0, 3, 1, 4)
        bias = self.bias(self.table).view(-1, 2)[self.between].permute(2, 0, 1)
        mixed = torch.softmax(query @ key.transpose(-1, -2) + torch.sigmoid(bias), -1) @ value
        return self.out(mixed.transpose(1, 2).reshape(len(x), 16, 16))


class Factors(nn.Module):
    """A weight of low rank, and a head tied to an embedding of low rank."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Parameter(torch.randn(16, 3)), nn.Parameter(torch.randn(3, 20))
        self.table, self.wide = nn.Embedding(18, 4), nn.Linear(4, 16, bias=False)
        self.back = nn.Linear(20, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.wide(self.table(x)) @ (self.left @ self.right)
        return self.back(torch.tanh(hidden)) @ (self.table.weight @ self.wide.weight.t()).t()


class Generated(nn.Module):
    """Weights that a network makes of an embedding, and one with an update of low rank."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(2, 4))
        self.make = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 64))
        self.weight, self.up = nn.Parameter(torch.randn(8, 8)), nn.Parameter(torch.randn(8, 2))
        self.down = nn.Parameter(torch.zeros(2, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.make(self.token).view(2, 8, 8)
        for place in range(2):
            x = torch.tanh(functional.linear(x, weights[place]))
        return functional.linear(x, self.weight + self.up @ self.down)


class Distilled(nn.Module):
    """Two heads with batch norms of their own, which start with the same numbers, on one map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = self.layer(4, 8)
        self.body = nn.ModuleList([self.layer(8, 8), self.layer(8, 8)])
        self.drop, self.norms = nn.Dropout(0.0), nn.ModuleList([nn.BatchNorm1d(8) for _ in "ab"])
        self.heads = nn.ModuleList([nn.Linear(8, 5), nn.Linear(8, 5)])

    @staticmethod
    def layer(inputs: int, outputs: int) -> nn.Module:
        conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.GELU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for layer in self.body:
            x = x + layer(x)
        x = self.drop(x.mean((2, 3)))
        first, second = (head(norm(x)) for head, norm in zip(self.heads, self.norms, strict=True))
        return (first + second) / 2


class Grouped(nn.Module):
    """Two layers of attention whose heads share keys, with one mask, as language models have it."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.ModuleList([nn.Linear(16, 16) for _ in "ab"])
        self.key, self.value = (nn.ModuleList([nn.Linear(16, 8) for _ in "ab"]) for _ in "kv")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        places = torch.arange(length)
        causal, padded = places[None, :] <= places[:, None], x.abs().sum(-1) == 0
        mask = (causal[None, None] & ~padded[:, None, None]).expand(batch, 1, length, length)
        for query, key, value in zip(self.query, self.key, self.value, strict=True):
            heads = query(x).view(batch, length, 4, 4).transpose(1, 2)
            keys, values = (
                part(x)
                .view(batch, length, 2, 4)
                .transpose(1, 2)[:, :, None]
                .expand(batch, 2, 2, length, 4)
                .reshape(batch, 4, length, 4)
                for part in (key, value)
            )
            made = functional.scaled_dot_product_attention(heads, keys, values, attn_mask=mask)
            x = x + made.transpose(1, 2).flatten(2)
        return x


class Critic(nn.Module):
    """A generator, and a critic that judges its result twice."""

    def __init__(self) -> None:
        super().__init__()
        self.make = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 3, 1))
        self.judge = nn.Sequential(nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Conv2d(8, 1, 3))

    def forward(self, x: torch.Tensor) -> Tensors:
        made = self.make(x)
        judged = (self.judge(torch.cat([x, made], 1)) for _ in range(2))
        return made, *judged


class Windows(nn.Module):
    """A convolution with a kernel for each window, as vocoders predict them from a spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels, self.conv = nn.Conv1d(4, 4 * 6 * 3, 1), nn.Conv1d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, _, length = x.shape
        kernels = self.kernels(x[:, :, ::4]).view(batch, 4, 6, 3, length // 4)
        y = functional.pad(functional.leaky_relu(self.conv(x)), (1, 1))
        windows = y.unfold(2, 6, 4).unfold(3, 1, 1).transpose(3, 4).unfold(4, 3, 1)
        return torch.einsum("bildsk,biokl->bolsd", windows, kernels)


class Asked(nn.Module):
    """Weights that a network makes of a condition, and is asked for again in each round."""

    def __init__(self) -> None:
        super().__init__()
        self.maker = nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 64))
        self.out = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        condition = x[:, 0]
        for _ in range(3):
            x = torch.tanh(torch.bmm(x, self.maker(condition).view(-1, 8, 8)))
        return self.out(x)


class Predicting(nn.Module):
    """A prediction that is compared with its detached target, and made again as an output."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.predictor = nn.Linear(8, 12), nn.Linear(12, 12)

    def forward(self, x: torch.Tensor) -> Tensors:
        x = torch.relu(self.encoder(x))
        return functional.mse_loss(self.predictor(x), x.detach()), self.predictor(x)


def floats(*shape: int) -> object:
    return lambda batch: torch.randn(batch, *shape)


NETWORKS = {
    "biased": (Biased, lambda batch: torch.randn(batch, 16, 4, 4)),
    "decoder": (Decoder, floats(7, 12)),
    "rounds": (Rounds, floats(9, 16)),
    "fused": (lambda: Rounds(fused=True), floats(9, 16)),
    "cached": (Cached, floats(9, 16)),
    "heads": (Heads, floats(12)),
    "merging": (Merging, floats(3, 16, 16)),
    "normalized": (Normalized, floats(6, 12)),
    "positions": (Positions, floats(16, 16)),
    "factors": (Factors, lambda batch: torch.randint(0, 18, (batch, 6))),
    "distilled": (Distilled, floats(4, 8, 8)),
    "grouped": (Grouped, floats(6, 16)),
    "critic": (Critic, floats(3, 10, 10)),
    "windows": (Windows, floats(4, 24)),
    "generated": (Generated, floats(5, 8)),
    "asked": (Asked, floats(5, 8)),
    "predicting": (Predicting, floats(8)),
}
