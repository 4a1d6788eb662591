"""Layers that read the past, the future or everything, against what onnxruntime changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

STEPS, WIDTH = 7, 4
OPSET = helper.make_opsetid("", 18)


class Sequence:
    """A model of one input x: (2, steps, width)."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(3)
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []

    def keep(self, array: Any, dtype: Any = np.float32) -> str:
        name = f"k{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def weight(self, *shape: int) -> str:
        return self.keep(self.random.normal(size=shape))

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"t{len(self.nodes)}_{slot}" for slot in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, names[0], **attributes))
        return names[0]

    def model(self, output: str) -> onnx.ModelProto:
        shape = [2, STEPS, WIDTH]
        graph = helper.make_graph(
            self.nodes,
            "sequence",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self.stored,
        )
        return helper.make_model(graph, opset_imports=[OPSET], ir_version=9)


def recurrent(net: Sequence, op: str, direction: str) -> str:
    """Return a recurrent layer over time: (2, steps, directions * 3)."""
    directions = 2 if direction == "bidirectional" else 1
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    steps = net.add("Transpose", "x", perm=[1, 0, 2])
    weights = net.weight(directions, gates * 3, WIDTH), net.weight(directions, gates * 3, 3)
    made = net.add(op, steps, *weights, hidden_size=3, direction=direction)
    first = net.add("Transpose", made, perm=[2, 0, 1, 3])
    return net.add("Reshape", first, net.keep([2, STEPS, directions * 3], np.int64))


def attention(net: Sequence, masked: Callable[[Sequence, str], str]) -> str:
    query, key, value = (net.add("MatMul", "x", net.weight(WIDTH, WIDTH)) for _ in range(3))
    scores = net.add("MatMul", query, net.add("Transpose", key, perm=[0, 2, 1]))
    weights = net.add("Softmax", masked(net, net.add("Div", scores, net.keep(2.0))), axis=-1)
    return net.add("MatMul", weights, value)


def triangle(net: Sequence, value: float, upper: int, diagonal: int) -> str:
    shape = net.keep([STEPS, STEPS], np.int64)
    filled = net.add(
        "ConstantOfShape", shape, value=helper.make_tensor("v", TensorProto.FLOAT, [1], [value])
    )
    return net.add("Trilu", filled, net.keep(diagonal, np.int64), upper=upper)


def added(net: Sequence, scores: str) -> str:
    """-inf above the diagonal, as in torch.triu(full(-inf), 1)."""
    return net.add("Add", scores, triangle(net, -np.inf, 1, 1))


def filled(net: Sequence, scores: str) -> str:
    """masked_fill(tril == 0, -inf)."""
    zero = net.add("Equal", triangle(net, 1.0, 0, 0), net.keep(0.0))
    return net.add("Where", zero, net.keep(-np.inf), scores)


def chosen(net: Sequence, scores: str) -> str:
    """where(tril, scores, -1e9)."""
    lower = net.add("Cast", triangle(net, 1.0, 0, 0), to=TensorProto.BOOL)
    return net.add("Where", lower, scores, net.keep(-1e9))


def compared(net: Sequence, scores: str) -> str:
    """where(columns <= rows, 0, -inf) of positions, added."""
    rows = net.keep(np.arange(STEPS)[:, None], np.int64)
    columns = net.keep(np.arange(STEPS)[None, :], np.int64)
    seen = net.add("LessOrEqual", columns, rows)
    mask = net.add("Where", seen, net.keep(0.0), net.keep(-np.inf))
    return net.add("Add", scores, mask)


def subtracted(net: Sequence, scores: str) -> str:
    """(1 - tril) * -1e4, as in GPT-2's first code."""
    later = net.add("Sub", net.keep(1.0), triangle(net, 1.0, 0, 0))
    return net.add("Add", scores, net.add("Mul", later, net.keep(-1e4)))


def unmasked(_: Sequence, scores: str) -> str:
    return scores


def too_wide(net: Sequence, scores: str) -> str:
    """A mask that lets the next position through is not causal."""
    return net.add("Add", scores, triangle(net, -np.inf, 1, 2))


def transposed(net: Sequence, scores: str) -> str:
    """A mask of the past leaves the future."""
    return net.add("Add", scores, triangle(net, -np.inf, 0, -1))


NETS: dict[str, tuple[Callable[[Sequence], str], str]] = {
    "running sum": (lambda net: net.add("CumSum", "x", net.keep(1, np.int64)), "past"),
    "running sum from the end": (
        lambda net: net.add("CumSum", "x", net.keep(1, np.int64), reverse=1),
        "future",
    ),
}
for cell in ("LSTM", "GRU", "RNN"):
    for way, kind in (("forward", "past"), ("reverse", "future"), ("bidirectional", "global")):
        NETS[f"{cell} {way}"] = partial(recurrent, op=cell, direction=way), kind
MASKS: dict[str, tuple[Callable[[Sequence, str], str], ...]] = {
    "past": (added, filled, chosen, compared, subtracted),
    "global": (unmasked, too_wide, transposed),
}
for kind, masks in MASKS.items():
    NETS.update({each.__name__: (partial(attention, masked=each), kind) for each in masks})


def changes(model: onnx.ModelProto) -> np.ndarray:
    """Return whether (position, input position) changed, for the one output."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = np.random.default_rng(0).normal(size=(2, STEPS, WIDTH)).astype(np.float32)
    (before,) = session.run(None, {"x": x})
    matrix = np.zeros((STEPS, STEPS), bool)
    for place in range(STEPS):
        other = x.copy()
        other[:, place] += 1
        (after,) = session.run(None, {"x": other})
        matrix[:, place] = (np.abs(after - before) > 1e-7).any(axis=(0, 2))
    return matrix


@pytest.mark.parametrize("name", NETS)
def test_kind_of_field_agrees_with_a_run(analyse: Callable[..., Any], name: str) -> None:
    build, kind = NETS[name]
    net = Sequence()
    output = build(net)
    matrix = changes(net.model(output))
    fields = analyse(net.model(output))
    field = fields.of(output, next(extent for extent in fields.extents if extent.axis == 1))
    assert field.kind == kind
    reads = {"past": np.tri(STEPS), "future": np.tri(STEPS).T}
    allowed = reads.get(kind, np.ones((STEPS, STEPS))).astype(bool)
    assert not (matrix & ~allowed).any()
    if kind != "global":
        assert (matrix == allowed).all()


def test_the_last_step_of_the_past_is_everything(analyse: Callable[..., Any]) -> None:
    net = Sequence()
    output = net.add("Gather", recurrent(net, "GRU", "forward"), net.keep(-1, np.int64), axis=1)
    fields = analyse(net.model(output))
    (extent,) = fields.extents
    assert fields.of(output, extent).kind == "global"


def test_an_early_step_of_the_past_is_a_part(analyse: Callable[..., Any]) -> None:
    net = Sequence()
    output = net.add("Gather", recurrent(net, "GRU", "forward"), net.keep(2, np.int64), axis=1)
    fields = analyse(net.model(output))
    (extent,) = fields.extents
    field = fields.of(output, extent)
    assert (field.kind, field.size) == ("local", (3, 3))
