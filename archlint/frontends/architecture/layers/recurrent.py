"""Recurrent layers: LSTM, GRU and plain RNN."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count, Fraction
from archlint.frontends.architecture.default import Default
from archlint.frontends.architecture.layers.shapes import dims, expect, require_rank, size
from archlint.frontends.architecture.site import Site
from archlint.frontends.architecture.tensor import Tensor

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


class Cell(Struct, frozen=True):
    """The settings that all layers of a stack share."""

    op: str
    hidden: int
    bias: bool
    bidirectional: bool
    attributes: Mapping[str, Any]

    @property
    def directions(self) -> int:
        """The number of directions: 1, or 2 where bidirectional."""
        return 1 + self.bidirectional


def gated(
    op: str,
    site: Site,
    x: Tensor,
    *,
    hidden_size: Count,
    num_layers: Count = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: Fraction = 0.0,
    bidirectional: bool = False,
    input_size: Count | None = None,
) -> Tensor:
    """Read a sequence step by step with gates; the output holds the state of every step."""
    expect(size(x, -1, "the number of features"), input_size, "input_size", "features")
    attributes = {"linear_before_reset": 1} if op == "GRU" else {}
    cell = Cell(op, hidden_size, bias, bidirectional, attributes)
    return _stack(cell, site, x, num_layers, dropout, batch_first=batch_first)


def plain(
    site: Site,
    x: Tensor,
    *,
    hidden_size: Count,
    num_layers: Count = 1,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    bias: bool = True,
    batch_first: bool = False,
    dropout: Fraction = 0.0,
    bidirectional: bool = False,
    input_size: Count | None = None,
) -> Tensor:
    """Read a sequence step by step; the output holds the state of every step."""
    expect(size(x, -1, "the number of features"), input_size, "input_size", "features")
    activations = [nonlinearity.capitalize()] * (1 + bidirectional)
    cell = Cell("RNN", hidden_size, bias, bidirectional, {"activations": activations})
    return _stack(cell, site, x, num_layers, dropout, batch_first=batch_first)


def _stack(
    cell: Cell, site: Site, x: Tensor, layers: int, dropout: float, *, batch_first: bool
) -> Tensor:
    """Add layers on top of each other, with dropout between them."""
    require_rank(x, 3, "N, S, C" if batch_first else "S, N, C")
    output = site.node("Transpose", x, part="steps_first", perm=[1, 0, 2]) if batch_first else x
    for number in range(layers):
        output = _layer(cell, site, output, f"l{number}")
        if dropout and number < layers - 1:
            ratio = site.scalar(dropout, "ratio", x)
            output = site.node("Dropout", output, ratio, part=f"l{number}.dropout")
    if batch_first:
        output = site.node("Transpose", output, part="batch_first", perm=[1, 0, 2])
    return output


def _layer(cell: Cell, site: Site, x: Tensor, part: str) -> Tensor:
    """Add one layer, of one direction or two."""
    states = site.node(
        cell.op,
        x,
        *_weights(cell, site, x, part),
        part=part,
        hidden_size=cell.hidden,
        direction="bidirectional" if cell.bidirectional else "forward",
        **cell.attributes,
    )
    width = cell.directions * cell.hidden
    shape = (*dims(x)[:2], width)
    if not cell.bidirectional:
        axes = site.integers([1], "axes")
        return site.node("Squeeze", states, axes, part=f"{part}.output", shape=shape)
    together = site.node("Transpose", states, part=f"{part}.directions", perm=[0, 2, 1, 3])
    target = site.integers([0, 0, width], "shape")
    return site.node("Reshape", together, target, part=f"{part}.output", shape=shape)


def _weights(cell: Cell, site: Site, x: Tensor, part: str) -> list[Tensor | None]:
    """Declare the weights of one layer; ONNX stacks the gates and the directions in one tensor."""
    features, hidden = size(x, -1, "the number of features"), cell.hidden
    directions, rows = cell.directions, _GATES[cell.op] * hidden

    def drawn(keras: str) -> Default:
        return default.recurrent(hidden, keras)

    read = drawn("glorot_uniform"), (features, rows)
    kept = drawn("orthogonal"), (hidden, rows)
    offset = drawn("forget_gate" if cell.op == "LSTM" else "zeros")
    return [
        site.weight(f"weight_ih_{part}", (directions, rows, features), *read),
        site.weight(f"weight_hh_{part}", (directions, rows, hidden), *kept),
        site.bias((directions, 2 * rows), offset, f"bias_{part}") if cell.bias else None,
    ]
