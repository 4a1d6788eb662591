"""ARCH009: many layers in a row, without a normalization or a shortcut."""

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.testing import lint_model, lint_text
from archlint_rules.structure.deep_without_shortcut import DeepWithoutShortcut
from layer_list import network

DENSE = "Linear: {out_features: 16}"


def deep(count, between=("ReLU",), inputs="[N, 16]"):
    return network([each for _ in range(count) for each in (DENSE, *between)], inputs)


@pytest.mark.parametrize("count", [20, 21, 40])
def test_more_than_20_layers_in_a_row_are_found(count):
    findings = lint_text(deep(count), [DeepWithoutShortcut])
    assert [each.data["layers"] for each in findings] == [count] * (count > 20)


@pytest.mark.parametrize(
    "between", [("LayerNorm", "ReLU"), ("BatchNorm1d", "ReLU"), ("ReLU", "RMSNorm: {}")]
)
def test_a_norm_ends_a_row_of_layers(between):
    assert lint_text(deep(40, between), [DeepWithoutShortcut]) == []
    mixed = [*[DENSE, "ReLU"] * 15, "LayerNorm", *[DENSE, "ReLU"] * 22]
    (finding,) = lint_text(network(mixed, "[N, 16]"), [DeepWithoutShortcut])
    assert finding.data["layers"] == 22


@pytest.mark.parametrize("join", ["Add", "Concat: {dim: 1}"])
def test_of_paths_that_meet_the_shortest_counts(join):
    def branch(place):
        kind = join if ":" in join else f"{join}:"
        return [
            f"{DENSE}\n    name: start{place}",
            *["ReLU", DENSE] * 5,
            f"{kind}\n    from: [previous, start{place}]",
        ]

    layers = [each for place in range(14) for each in branch(place)]
    assert lint_text(network([*layers, DENSE], "[N, 16]"), [DeepWithoutShortcut]) == []
    layers = [each for place in range(20) for each in branch(place)]
    (finding,) = lint_text(network([*layers, DENSE], "[N, 16]"), [DeepWithoutShortcut])
    assert finding.data["layers"] == 25  # 19 shortcuts, and the layers of the last branch


def convolutions(producer, prefix=""):
    """Return a row of convolutions in an ONNX file, as an exporter for inference writes them."""
    generator = np.random.default_rng(0)
    calls, stored = "a0 = Identity(x) ", []
    for place in range(30):
        weight, bias = f"{prefix}w{place}", f"b{place}"
        calls += f"h{place} = Conv<pads = [1, 1, 1, 1]>(a{place}, {weight}, {bias}) "
        calls += f"a{place + 1} = Relu(h{place}) "
        numbers = generator.normal(size=(4, 4, 3, 3)).astype(np.float32)
        stored.append(numpy_helper.from_array(numbers, weight))
        stored.append(numpy_helper.from_array(numbers[:, 0, 0, 0], bias))
    model = parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 17], producer_name: "{producer}"> '
        "g (float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y) "
        f"{{ {calls} y = Identity(a30) }}"
    )
    model.graph.initializer.extend(stored)
    return model


@pytest.mark.parametrize(
    ("producer", "prefix", "may_fold"),
    [
        ("pytorch", "", False),
        ("pytorch", "ConvBnFusion_W_", True),
        ("tf2onnx", "", True),
        ("keras", "", True),
    ],
)
def test_convolutions_that_a_norm_may_be_folded_into_are_not_judged(producer, prefix, may_fold):
    findings = lint_model(convolutions(producer, prefix), [DeepWithoutShortcut])
    assert [each.data["layers"] for each in findings] == [30] * (not may_fold)


def test_the_steps_of_a_recurrence_are_no_deep_network():
    calls = "".join(f"h{i + 1} = MatMul(r{i}, w) r{i + 1} = Tanh(h{i + 1}) " for i in range(30))
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 17]> g (float[2, 4] x) => (float[2, 4] y) '
        f"<float[4, 4] w = {{{', '.join(map(str, range(16)))}}}> "
        f"{{ r0 = Identity(x) {calls} y = Identity(r30) }}"
    )
    assert lint_model(model, [DeepWithoutShortcut]) == []
