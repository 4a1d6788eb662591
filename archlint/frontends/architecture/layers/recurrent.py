"""Recurrent layers: LSTM, GRU and the plain one."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from typing import Any, Literal

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count, Fraction
from archlint.frontends.architecture.default import Default
from archlint.frontends.architecture.layers.shapes import dims, expect, require_rank, size
from archlint.frontends.architecture.site import Site
from archlint.frontends.architecture.tensor import Tensor

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


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
    attributes: dict[str, Any] = {"linear_before_reset": 1} if op == "GRU" else {}
    return _recurrent(
        op, site, x, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, attributes
    )


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
    return _recurrent(
        "RNN", site, x, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
        {"activations": activations},
    )  # fmt: skip


def _recurrent(  # noqa: PLR0917 - PyTorch's layers have that many arguments
    op: str,
    site: Site,
    x: Tensor,
    hidden: int,
    layers: int,
    bias: bool,
    batch_first: bool,
    dropout: float,
    bidirectional: bool,
    attributes: dict[str, Any],
) -> Tensor:
    require_rank(x, 3, "N, S, C" if batch_first else "S, N, C")
    output = site.node("Transpose", x, part="steps_first", perm=[1, 0, 2]) if batch_first else x
    for number in range(layers):
        is_last = number == layers - 1
        output = _layer(op, site, output, hidden, bias, bidirectional, f"l{number}", attributes)
        if dropout and not is_last:
            ratio = site.scalar(dropout, "ratio", x)
            output = site.node("Dropout", output, ratio, part=f"l{number}.dropout")
    if batch_first:
        output = site.node("Transpose", output, part="batch_first", perm=[1, 0, 2])
    return output


def _layer(  # noqa: PLR0917 - as _recurrent
    op: str,
    site: Site,
    x: Tensor,
    hidden: int,
    bias: bool,
    bidirectional: bool,
    part: str,
    attributes: dict[str, Any],
) -> Tensor:
    """Add one layer; ONNX stacks the gates and the directions in one tensor."""
    features = size(x, -1, "the number of features")
    directions, rows = 1 + bidirectional, _GATES[op] * hidden

    def drawn(keras: str) -> Default:
        return default.recurrent(hidden, keras)

    read = drawn("glorot_uniform"), (features, rows)
    kept = drawn("orthogonal"), (hidden, rows)
    offset = drawn("forget_gate" if op == "LSTM" else "zeros")
    inputs = [
        site.weight(f"weight_ih_{part}", (directions, rows, features), *read),
        site.weight(f"weight_hh_{part}", (directions, rows, hidden), *kept),
        site.bias((directions, 2 * rows), offset, f"bias_{part}") if bias else None,
    ]
    states = site.node(
        op,
        x,
        *inputs,
        part=part,
        hidden_size=hidden,
        direction="bidirectional" if bidirectional else "forward",
        **attributes,
    )
    shape = (*dims(x)[:2], directions * hidden)
    if not bidirectional:
        axes = site.integers([1], "axes")
        return site.node("Squeeze", states, axes, part=f"{part}.output", shape=shape)
    together = site.node("Transpose", states, part=f"{part}.directions", perm=[0, 2, 1, 3])
    target = site.integers([0, 0, directions * hidden], "shape")
    return site.node("Reshape", together, target, part=f"{part}.output", shape=shape)
