"""The worst instant of single operators, against PyTorch: see tests/truth/measure_operators.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.analysis.facts import Facts
from archlint.analysis.memory.training import TrainingMemory
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[3] / "truth" / "operators.json"
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
    "ReduceSum": ("one = Constant <value = int64[1] {1}> () q = ReduceSum(p, one)", 16),
    "Roll": (
        """axis = Constant <value = int64[1] {1}> ()
        from = Constant <value = int64[1] {3}> ()
        end = Constant <value = int64[1] {9223372036854775807}> ()
        last = Slice(p, from, end, axis)
        begin = Constant <value = int64[1] {0}> ()
        first = Slice(p, begin, from, axis)
        q = Concat <axis = 1> (last, first)""",
        16,
    ),
    "CrossEntropy": (
        """flat = Constant <value = int64[2] {-1, 16}> ()
        line = Constant <value = int64[1] {-1}> ()
        begin = Constant <value = int64[1] {0}> ()
        scores = Reshape(p, flat)
        largest = ArgMax <axis = -1, keepdims = 0> (x)
        classes = Reshape(largest, line)
        loss = SoftmaxCrossEntropyLoss(scores, classes)
        q = Unsqueeze(loss, begin)""",
        1,
    ),
    "GridSample": (
        """one = Constant <value = int64[1] {1}> ()
        begin = Constant <value = int64[1] {0}> ()
        two = Constant <value = int64[1] {2}> ()
        map = Unsqueeze(p, one)
        places = Slice(x, begin, two, two)
        grid = Unsqueeze(places, one)
        q = GridSample(map, grid)""",
        256,
    ),
    "Log1p": ("one = Constant <value = float {1}> () more = Add(p, one) q = Log(more)", 16),
    "Log2": ("two = Constant <value = float {0.69}> () l = Log(p) q = Div(l, two)", 16),
    "Expm1": ("one = Constant <value = float {1}> () e = Exp(p) q = Sub(e, one)", 16),
    "Lerp": (
        """weight = Constant <value = float {0.3}> ()
        between = Sub(x, p)
        part = Mul(between, weight)
        q = Add(p, part)""",
        16,
    ),
    "Atan2": ("slope = Div(p, x) q = Atan(slope)", 16),
    "Clamp": (
        """low = Constant <value = float {-1}> ()
        high = Constant <value = float {1}> ()
        larger = Max(p, low)
        q = Min(larger, high)""",
        16,
    ),
    "Baddbmm": (
        """turned = Transpose <perm = [0, 2, 1]> (x)
        scores = MatMul(x, turned)
        product = MatMul(scores, p)
        q = Add(product, p)""",
        16,
    ),
    "Unfold": (
        """windows = Gather <axis = 1> (p, starts)
        q = Transpose <perm = [0, 1, 3, 2]> (windows)""",
        4,
    ),
    "Patches": (
        """one = Constant <value = int64[1] {1}> ()
        none = Constant <value = int64[8] {0, 0, 0, 0, 0, 0, 0, 0}> ()
        cut = Constant <value = int64[3] {2, 32, 128}> ()
        map = Unsqueeze(p, one)
        wide = Pad(map, none)
        high = Gather <axis = 2> (wide, rows)
        windows = Gather <axis = 4> (high, columns)
        turned = Transpose <perm = [0, 1, 2, 4, 3, 5]> (windows)
        q = Reshape(turned, cut)""",
        128,
    ),
    "Pooled": (
        """one = Constant <value = int64[1] {1}> ()
        map = Unsqueeze(p, one)
        q = ReduceMax <axes = [2, 3]> (map)""",
        1,
    ),
}
# The calls of a program that torch.export tells, and the nodes that they are written in.
CALLS = {
    "Log1p": ("log1p.default", "%p", {"more", "q"}),
    "Log2": ("log2.default", "%p", {"l", "q"}),
    "Expm1": ("expm1.default", "%p", {"e", "q"}),
    "Lerp": ("lerp.Scalar", "%p, %x, 0.3", {"between", "part", "q"}),
    "Atan2": ("atan2.default", "%p, %x", {"slope", "q"}),
    "Clamp": ("clamp.Tensor", "%p, %low, %high", {"larger", "q"}),
    "Baddbmm": ("baddbmm.default", "%p, %scores, %p", {"product", "q"}),
    "Unfold": ("unfold.default", "%p, 1, 4, 4", {"windows", "q"}),
    "Pooled": ("amax.default", "%map, [-2, -1], True", {"q"}),
}
# What is given besides x, under other names than those of the network around it.
STORED = {
    "rows": np.arange(256).reshape(128, 2).T,
    "columns": np.arange(16)[:, None],
    "starts": np.arange(256).reshape(64, 4),
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
    target, arguments, made = CALLS.get(name, ("", "", set()))
    call = f"%q : [num_users=1] = call_function[target=torch.ops.aten.{target}]"
    for node in model.graph.node:
        if node.output[0] in made:
            text = f"{call}(args = ({arguments}), kwargs = {{}})"
            classes = "['torch.nn.modules.pooling.AdaptiveMaxPool2d']" if name == "Pooled" else "[]"
            node.metadata_props.add(key="pkg.torch.onnx.fx_node", value=text)
            node.metadata_props.add(key="pkg.torch.onnx.class_hierarchy", value=classes)
    sizes = {"a": (16, 16), "c": (16,), "b": (columns, 2), "d": (2,)}
    stored = {each: np.zeros(shape, np.float32) for each, shape in sizes.items()} | STORED
    used = {each for node in model.graph.node for each in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, each) for each, array in stored.items() if each in used
    )
    facts = Facts(build_graph(model), Target(training=Training("sgd")), operators())
    memory = TrainingMemory(
        facts.saved, Training("sgd", loss="none"), facts.training_step.blocks, foreach=False
    )
    return facts, memory


@pytest.mark.parametrize("name", MEASURED)
def test_peak_equals_that_of_pytorch(name: str) -> None:
    facts, memory = memory_of(name)
    assert facts.saved.total.value == MEASURED[name]["saved_bytes"]
    assert memory.peak.value == pytest.approx(MEASURED[name]["peak_bytes"], rel=0.01)


def test_all_programs_are_written() -> None:
    assert WRITTEN.keys() == MEASURED.keys()
