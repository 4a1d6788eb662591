"""Runs the layers of an architecture file in PyTorch, as a module for each.

Most layers are the module of `torch.nn` with their name and arguments. The others are in one of the
tables: `FUNCTIONS` of one tensor, `ARITHMETIC` of several, and modules of our `OWN`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeAlias

import torch
from torch import nn

Layer: TypeAlias = Mapping[str, Any]
Shape: TypeAlias = tuple[int, ...]
BESIDE = {"name", "from", "frozen", "tie", "lora"}  # the keys beside the name of a layer


class Function(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


class States(nn.Module):
    """The states of every step of a recurrent layer."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cell(x)[0]


class Attention(nn.Module):
    """Attention of a sequence to itself, or to the second input, without the weights."""

    def __init__(self, features: int, num_heads: int, *, is_causal: bool = False) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(features, num_heads, batch_first=True)
        self.is_causal = is_causal

    def forward(self, x: torch.Tensor, memory: torch.Tensor | None = None) -> torch.Tensor:
        memory = x if memory is None else memory
        mask = (
            nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.is_causal else None
        )
        options = {"need_weights": False, "attn_mask": mask, "is_causal": self.is_causal}
        return self.layer(x, memory, memory, **options)[0]


class Excitation(nn.Module):
    """Squeeze and excitation as torchvision has it (Hu et al. 2018)."""

    def __init__(self, channels: int, squeeze_channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down = nn.Conv2d(channels, squeeze_channels, 1)
        self.relu = nn.ReLU()
        self.up = nn.Conv2d(squeeze_channels, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = self.pool(x)
        scale = self.down(scale)
        scale = self.relu(scale)
        scale = self.up(scale)
        scale = self.gate(scale)
        return scale * x


class Tokens(nn.Module):
    """Learned tokens before a sequence."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.weight.expand(x.shape[0], -1, -1), x], 1)


class Positions(nn.Module):
    """A learned vector for each position of a sequence."""

    def __init__(self, features: int, num_embeddings: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_embeddings, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight[: x.shape[1]]


class Adapted(nn.Module):
    """A frozen linear layer with a low-rank adapter beside it (Hu et al. 2021)."""

    def __init__(self, features: int, out_features: int, r: int) -> None:
        super().__init__()
        self.base = nn.Linear(features, out_features).requires_grad_(requires_grad=False)
        self.down = nn.Linear(features, r, bias=False)
        self.up = nn.Linear(r, out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.up(self.down(x)) * 2.0


# How PyTorch calls a layer that it has no module for.
FUNCTIONS: Mapping[str, Callable[..., torch.Tensor]] = {
    "GlobalAvgPool": lambda x: nn.functional.adaptive_avg_pool2d(x, 1),
    "GlobalMaxPool": lambda x: nn.functional.adaptive_max_pool2d(x, 1),
    "Max": torch.amax,
    "Mean": torch.mean,
    "Permute": torch.permute,
    "Reshape": torch.reshape,
    "Select": torch.select,
    "Slice": lambda x, dim, start, end: x.narrow(dim, start, end - start),
    "Sum": torch.sum,
    "Transpose": torch.transpose,
    "Unsqueeze": torch.unsqueeze,
}
ARITHMETIC: Mapping[str, Callable[..., torch.Tensor]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
    "MatMul": torch.matmul,
}

# Layers that PyTorch does not have, or returns more from than their output.
OWN: Mapping[str, Callable[..., nn.Module]] = {
    "ClassToken": Tokens,
    "GRU": lambda *sizes, **others: States(nn.GRU(*sizes, **others)),
    "LSTM": lambda *sizes, **others: States(nn.LSTM(*sizes, **others)),
    "MultiheadAttention": Attention,
    "PositionEmbedding": Positions,
    "RNN": lambda *sizes, **others: States(nn.RNN(*sizes, **others)),
    "SqueezeExcitation": Excitation,
}
# Modules whose first argument is the number of features, the last axis of their input.
OF_FEATURES = OWN.keys() | {"LayerNorm", "Linear", "RMSNorm"}


def module_of(layer: Layer, shape: Shape) -> nn.Module:
    """Return the module of a layer whose first input has the shape."""
    kind = next(key for key in layer if key not in BESIDE)
    arguments = dict(layer[kind])
    if kind in ARITHMETIC:
        function = ARITHMETIC[kind]
        if "value" in arguments:
            return Function(lambda x: function(x, arguments["value"]))
        return Function(lambda *inputs: reduce(function, inputs))
    if kind == "Concat":
        return Function(lambda *inputs: torch.cat(inputs, **arguments))
    if kind in FUNCTIONS:
        return Function(lambda x: FUNCTIONS[kind](x, **arguments))
    if "lora" in layer:
        return Adapted(shape[-1], **arguments, r=layer["lora"]["r"])
    return _with_weights(kind, arguments, shape)


def _with_weights(kind: str, arguments: dict[str, Any], shape: Shape) -> nn.Module:
    """Return a module with the sizes that an architecture file takes from the input."""
    make = OWN.get(kind) or getattr(nn, kind)
    if kind == "GroupNorm":
        return make(num_channels=shape[1], **arguments)
    if kind.startswith(("BatchNorm", "Conv", "InstanceNorm", "SqueezeExcitation")):
        return make(shape[1], **arguments)
    if kind in OF_FEATURES:
        return make(shape[-1], **arguments)
    return make(**arguments)


class Network(nn.Module):
    """A network of layers, each of which takes the output of the one before, or those it names.

    The variables of its program are those that are needed later.
    """

    def __init__(self, layers: Sequence[Layer], x: torch.Tensor) -> None:
        super().__init__()
        self.names = [layer["name"] for layer in layers]
        before = ["x", *self.names]
        self.sources = [layer.get("from", [before[at]]) for at, layer in enumerate(layers)]
        self.modules_of = nn.ModuleList()
        self.shapes = {"x": tuple(x.shape)}
        with torch.no_grad():
            found = {"x": x}
            for name, layer, sources in zip(self.names, layers, self.sources, strict=True):
                module = module_of(layer, self.shapes[sources[0]])
                if layer.get("frozen"):
                    module.requires_grad_(requires_grad=False)
                self.modules_of.append(module)
                found[name] = module(*(found[source] for source in sources))
                self.shapes[name] = tuple(found[name].shape)
        self.last = {source: at for at, sources in enumerate(self.sources) for source in sources}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = {"x": x}
        del x
        for at, (name, module) in enumerate(zip(self.names, self.modules_of, strict=True)):
            inputs = [found[source] for source in self.sources[at]]
            for source in set(self.sources[at]):
                if self.last[source] == at:
                    del found[source]
            found[name] = module(*inputs)
            del inputs
        return found[self.names[-1]]
