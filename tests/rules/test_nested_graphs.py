"""Rules on numbers and deployment look into branches and the bodies of loops as well."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from archlint.testing import lint_file, lint_model
from archlint_rules.deployment.float_on_integer_device import FloatOnIntegerDevice
from archlint_rules.deployment.training_mode import TrainingMode
from archlint_rules.numerics.dead_channel import DeadChannel
from archlint_rules.numerics.decomposed_norm_in_fp16 import DecomposedNormInFp16
from archlint_rules.numerics.fp16_range_exceeded import Fp16RangeExceeded
from archlint_rules.numerics.negative_variance import NegativeVariance
from archlint_rules.numerics.nonfinite_weights import NonfiniteWeights
from archlint_rules.numerics.norm_epsilon_underflow import NormEpsilonUnderflow
from archlint_rules.numerics.quantization_outliers import QuantizationOutliers

SIZE = 40


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def with_nan():
    weight = drawn(SIZE, SIZE)
    weight[1, 2] = np.nan
    return {"weight": weight}


def with_a_dead_channel():
    weight = drawn(SIZE, SIZE)
    weight[:, 3] = 0
    return {"weight": weight}


def with_an_outlier():
    weight = drawn(SIZE, SIZE) * 1e-3
    weight[1, 2] = 100
    return {"weight": weight}


LAYER = "h = MatMul(x, weight) y = Relu(h)"
NORM = (
    "m = ReduceMean<axes = [1]>(x) d = Sub(x, m) s = Mul(d, d) v = ReduceMean<axes = [1]>(s) "
    "e = Add(v, eps) r = Sqrt(e) y = Div(d, r)"
)
HALF = {"deploy-dtype": "fp16"}
ONE = np.ones(SIZE, np.float32)
BATCH_NORM = {"g": ONE, "b": ONE, "m": ONE, "v": -ONE}

CASES = {
    "NUM001": (NonfiniteWeights, LAYER, with_nan(), {}),
    "NUM002": (Fp16RangeExceeded, "y = Mul(x, big)", {"big": 1e6 * ONE}, HALF),
    "NUM003": (NormEpsilonUnderflow, NORM, {"eps": np.float32([1e-12])}, HALF),
    "NUM004": (DecomposedNormInFp16, NORM, {"eps": np.float32([1e-3])}, HALF),
    "NUM007": (DeadChannel, LAYER, with_a_dead_channel(), {}),
    "NUM008": (NegativeVariance, "y = BatchNormalization(x, g, b, m, v)", BATCH_NORM, {}),
    "NUM009": (QuantizationOutliers, LAYER, with_an_outlier(), {"deploy-dtype": "int8"}),
    "DEPLOY003": (
        TrainingMode,
        "y = Dropout(x, share, on)",
        {"share": np.float32(0.5), "on": np.bool_(True)},
        {"deploy-dtype": "fp32"},
    ),
    "DEPLOY006": (
        FloatOnIntegerDevice,
        LAYER,
        {"weight": drawn(SIZE, SIZE)},
        {"device": "coral-edgetpu"},
    ),
}


def graph_of(body, stored, inputs=f"float[4, {SIZE}] x"):
    """Return a graph with stored tensors."""
    graph = parser.parse_graph(f"g ({inputs}) => (float[4, {SIZE}] y) {{ {body} }}")
    graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in stored.items())
    return graph


def model_of(nodes, inputs=(), stored=()):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "outer",
        [info("x", TensorProto.FLOAT, [4, SIZE]), *inputs],
        [info("out", TensorProto.FLOAT, [4, SIZE])],
        stored,
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def in_itself(body, stored):
    graph = graph_of(body, stored)
    return model_of(
        [*graph.node, helper.make_node("Identity", ["y"], ["out"])], (), graph.initializer
    )


def in_a_branch(body, stored):
    branch = graph_of(body, stored)
    del branch.input[:]
    other = graph_of("y = Identity(x)", {})
    del other.input[:]
    node = helper.make_node("If", ["c"], ["out"], then_branch=other, else_branch=branch)
    return model_of([node], [helper.make_tensor_value_info("c", TensorProto.BOOL, [])])


def in_a_loop(body, stored):
    inside = graph_of(
        f"more = Identity(go) {body}", stored, f"int64 i, bool go, float[4, {SIZE}] x"
    )
    inside.output.insert(0, helper.make_tensor_value_info("more", TensorProto.BOOL, []))
    node = helper.make_node("Loop", ["n", "", "x"], ["out"], body=inside)
    return model_of([node], [helper.make_tensor_value_info("n", TensorProto.INT64, [])])


def in_a_branch_of_a_loop(body, stored):
    branch, other = graph_of(body, stored), graph_of("y = Identity(x)", {})
    for graph in (branch, other):
        del graph.input[:]
    node = helper.make_node("If", ["go"], ["y"], then_branch=branch, else_branch=other)
    inside = graph_of(
        "more = Identity(go) y = Identity(x)", {}, f"int64 i, bool go, float[4, {SIZE}] x"
    )
    del inside.node[1]
    inside.node.append(node)
    inside.output.insert(0, helper.make_tensor_value_info("more", TensorProto.BOOL, []))
    loop = helper.make_node("Loop", ["n", "", "x"], ["out"], body=inside)
    return model_of([loop], [helper.make_tensor_value_info("n", TensorProto.INT64, [])])


WHERE = {
    "itself": in_itself,
    "branch": in_a_branch,
    "loop": in_a_loop,
    "branch-of-a-loop": in_a_branch_of_a_loop,
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("code", CASES)
def test_what_is_found_in_a_graph_is_found_inside_one(code, where):
    rule, body, stored, target = CASES[code]
    model = WHERE[where](body, stored)
    onnx.checker.check_model(model, full_check=True)
    findings = lint_model(model, [rule], target)
    assert [each.code for each in findings] == [code]


def test_large_weights_of_a_branch_are_read(tmp_path):
    weight = drawn(SIZE, 1024)
    weight[3, 5] = np.nan
    body = "h = MatMul(x, weight) r = Relu(h) y = MatMul(r, back)"
    model = in_a_branch(body, {"weight": weight, "back": drawn(1024, SIZE)})
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    (finding,) = lint_file(path, [NonfiniteWeights])
    assert finding.data["weights"] == ["weight"]


def test_a_name_that_two_branches_have_is_not_read():
    """Whose numbers they are is not known by the name alone."""
    branches = [graph_of(LAYER, stored) for stored in (with_nan(), {"weight": drawn(SIZE, SIZE)})]
    for branch in branches:
        del branch.input[:]
    node = helper.make_node("If", ["c"], ["out"], then_branch=branches[0], else_branch=branches[1])
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    assert lint_model(model_of([node], [condition]), [NonfiniteWeights]) == []
