"""The worst instant of single operators, against PyTorch: see tests/truth/measure_operators.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.analysis.facts import Facts
from archlint.analysis.training_memory import TrainingMemory
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[2] / "truth" / "operators.json"
MEASURED = json.loads(TRUTH.read_text(encoding="utf-8"))["operators"]

# What makes q of p[2, 256, 16], and how many columns q has.
WRITTEN = {
    "ReduceL1": ("q = ReduceL1 <axes = [1], keepdims = 0> (p)", 16),
    "ReduceL2": ("q = ReduceL2 <axes = [1], keepdims = 0> (p)", 16),
    "ReduceProd": ("q = ReduceProd <axes = [1], keepdims = 0> (p)", 16),
    "ReduceMax": ("q = ReduceMax <axes = [1, 2]> (p)", 1),
    "ReduceLogSumExp": ("q = ReduceLogSumExp <axes = [1], keepdims = 0> (p)", 16),
    "Deviation": (
        """mean = ReduceMean <axes = [1]> (p)
        centred = Sub(p, mean)
        square = Mul(centred, centred)
        variance = ReduceMean <axes = [1], keepdims = 0> (square)
        count = Constant <value = float {256}> ()
        fewer = Constant <value = float {255}> ()
        total = Mul(variance, count)
        unbiased = Div(total, fewer)
        q = Sqrt(unbiased)""",
        16,
    ),
    "CumSum": ("one = Constant <value = int64 {1}> () q = CumSum(p, one)", 16),
    "Max": ("opposite = Neg(p) q = Max(p, opposite)", 16),
    "Pow": (
        """one = Constant <value = float {1}> ()
        absolute = Abs(p)
        base = Add(absolute, one)
        q = Pow(base, exponent)""",
        16,
    ),
    "Clip": (
        """low = Constant <value = float {-0.5}> ()
        high = Constant <value = float {2.0}> ()
        q = Clip(p, low, high)""",
        16,
    ),
    "ClipOnce": ("low = Constant <value = float {0.5}> () q = Clip(p, low)", 16),
    "ReLU6": (
        """low = Constant <value = float {0}> ()
        high = Constant <value = float {6}> ()
        q = Clip(p, low, high)""",
        16,
    ),
    "Dropout": (
        """ratio = Constant <value = float {0.2}> ()
        training = Constant <value = bool {1}> ()
        q, mask = Dropout(p, ratio, training)""",
        16,
    ),
    "IndexSelect": ("q = Gather <axis = 1> (p, even)", 16),
    "Gather": ("q = GatherElements <axis = 1> (p, zeros)", 16),
    "Broadcast": (
        """single = Constant <value = int64[1] {1}> ()
        apart = Unsqueeze(p, single)
        turned = Transpose <perm = [0, 1, 3, 2]> (apart)
        start = Constant <value = int64[1] {0}> ()
        stop = Constant <value = int64[1] {12}> ()
        few = Slice(x, start, stop, single)
        sizes = Constant <value = int64[4] {2, 4, 3, 16}> ()
        others = Reshape(few, sizes)
        q = MatMul(others, turned)""",
        256,
    ),
}
# What is given besides x, under other names than those of the network around it.
STORED = {
    "even": np.arange(0, 256, 2),
    "zeros": np.zeros((2, 4, 16), np.int64),
    "exponent": np.ones(16, np.float32),
}


def memory_of(name: str) -> tuple[Facts, TrainingMemory]:
    nodes, columns = WRITTEN[name]
    text = f"""
<ir_version: 10, opset_import: ["" : 17]>
net (float[2, 256, 16] x) => (y) {{
    m = MatMul(x, a)
    p = Add(c, m)
    {nodes}
    n = MatMul(q, b)
    y = Add(d, n)
}}"""
    model = parser.parse_model(text)
    sizes = {"a": (16, 16), "c": (16,), "b": (columns, 2), "d": (2,)}
    stored = {each: np.zeros(shape, np.float32) for each, shape in sizes.items()} | STORED
    used = {each for node in model.graph.node for each in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, each) for each, array in stored.items() if each in used
    )
    facts = Facts(build_graph(model), Target(training=Training("sgd")), operators())
    memory = TrainingMemory(
        facts.step.framework,
        facts.parameters,
        facts.saved,
        Training("sgd", loss="none"),
        foreach=False,
        blocks=facts.step.blocks,
    )
    return facts, memory


@pytest.mark.parametrize("name", MEASURED)
def test_the_peak_is_that_of_a_step(name: str) -> None:
    facts, memory = memory_of(name)
    assert facts.saved.total.value == MEASURED[name]["saved_bytes"]
    assert memory.peak.value == pytest.approx(MEASURED[name]["peak_bytes"], rel=0.01)


def test_all_programs_are_written() -> None:
    assert WRITTEN.keys() == MEASURED.keys()
