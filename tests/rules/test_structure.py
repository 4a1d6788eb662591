"""ARCH001 to ARCH004: layers that undo each other, or do the same twice."""

import math

import numpy as np
import pytest
from onnx import parser

from archlint.api import Severity
from archlint.testing import lint_model, lint_text
from archlint_rules.structure.bias_before_norm import BiasBeforeNorm
from archlint_rules.structure.linear_after_linear import LinearAfterLinear
from archlint_rules.structure.repeated_activation import RepeatedActivation
from archlint_rules.structure.softmax_before_cross_entropy import SoftmaxBeforeCrossEntropy
from layer_list import network

CONVOLUTION = "Conv2d: {out_channels: 8, kernel_size: 3}"


@pytest.mark.parametrize(
    ("norm", "subtracts"),
    [
        ("BatchNorm2d", True),
        ("InstanceNorm2d", True),
        ("GroupNorm: {num_groups: 4}", False),
        ("ReLU", False),
    ],
)
def test_a_bias_is_lost_where_each_channel_has_a_mean_of_its_own(norm, subtracts):
    findings = lint_text(network([CONVOLUTION, norm]), [BiasBeforeNorm])
    assert bool(findings) == subtracts
    if subtracts:
        assert findings[0].data["parameters"] == 8


@pytest.mark.parametrize(
    "layers",
    [
        ["Conv2d: {out_channels: 8, kernel_size: 3, bias: false}", "BatchNorm2d"],
        [CONVOLUTION, "ReLU", "BatchNorm2d"],
        [CONVOLUTION + "\n    frozen: true", "BatchNorm2d"],
        [CONVOLUTION + "\n    name: a", "BatchNorm2d", "Add:\n    from: [previous, a]"],
    ],
    ids=["none", "relu-between", "frozen", "read-by-another-layer"],
)
def test_a_bias_that_is_not_there_or_has_an_effect_passes(layers):
    assert lint_text(network(layers), [BiasBeforeNorm]) == []


def test_reading_the_size_of_a_layer_is_no_use_of_its_bias():
    """PyTorch writes the gain and the shift of a norm without any as constants of its size."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 20]> '
        "g (float[2, 1, 3, 3] x) => (float[2, 2, 3, 3] y) "
        "<float[2, 1, 1, 1] w = {1, 2}, float[2] b = {3, 4}, "
        "float[1] one = {1}, float[1] zero = {0}> "
        "{ h = Conv(x, w, b) size = Shape<start = 1, end = 2>(h) "
        "gain = Expand(one, size) wide = Expand(zero, size) shift = CastLike(wide, h) "
        "y = InstanceNormalization(h, gain, shift) }"
    )
    (finding,) = lint_model(model, [BiasBeforeNorm])
    assert finding.data["biases"] == ["b"]


def test_many_useless_biases_are_one_finding():
    layers = [CONVOLUTION, "BatchNorm2d", "ReLU"] * 3
    (finding,) = lint_text(network(layers), [BiasBeforeNorm])
    assert finding.data["parameters"] == 24
    assert "of 2 more layers: 24 parameters" in finding.message


def test_a_bias_before_a_norm_changes_nothing_that_numpy_computes():
    generator = np.random.default_rng(1)
    x, bias = generator.normal(size=(4, 8, 5, 5)), generator.normal(size=(1, 8, 1, 1))

    def normalized(y):
        return (y - y.mean((0, 2, 3), keepdims=True)) / y.std((0, 2, 3), keepdims=True)

    assert np.allclose(normalized(x), normalized(x + bias))


@pytest.mark.parametrize("word", ["Softmax: {dim: -1}", "Sigmoid"])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_squashed_scores_have_a_least_loss(classes, word):
    text = network([f"Linear: {{out_features: {classes}}}", word], "[N, 64]")
    target = {"training": {"loss": "cross-entropy"}}
    (finding,) = lint_text(text, [SoftmaxBeforeCrossEntropy], target)
    best = np.zeros(classes)
    best[0] = 1
    assert math.isclose(finding.data["least_loss"], np.log(np.exp(best).sum()) - 1)
    assert lint_text(text, [SoftmaxBeforeCrossEntropy]) == []
    assert lint_text(text, [SoftmaxBeforeCrossEntropy], {"training": {"loss": "mse"}}) == []


@pytest.mark.parametrize("last", ["Linear: {out_features: 4}", "LogSoftmax: {dim: -1}", "Tanh"])
def test_scores_that_a_cross_entropy_can_take_pass(last):
    text = network([last], "[N, 4]")
    target = {"training": {"loss": "cross-entropy"}}
    assert lint_text(text, [SoftmaxBeforeCrossEntropy], target) == []


@pytest.mark.parametrize(
    ("before", "loss", "is_wrong"),
    [
        ("Softmax(s)", "SoftmaxCrossEntropyLoss(p, y)", True),
        ("Sigmoid(s)", "SoftmaxCrossEntropyLoss(p, y)", True),
        ("Relu(s)", "SoftmaxCrossEntropyLoss(p, y)", False),
        ("LogSoftmax(s)", "SoftmaxCrossEntropyLoss(p, y)", False),
        ("LogSoftmax(s)", "NegativeLogLikelihoodLoss(p, y)", False),
        ("Softmax(s)", "LogSoftmax(p)", True),
        ("LogSoftmax(s)", "LogSoftmax(p)", False),
        ("Softmax(s)", "Log(p)", False),
    ],
)
def test_a_loss_in_the_file_takes_no_softmax_of_a_softmax(before, loss, is_wrong):
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 20]> '
        "g (float[8, 10] s, int64[8] y) => (float l) "
        f"{{ p = {before} l = {loss} }}"
    )
    found = lint_model(model, [SoftmaxBeforeCrossEntropy])
    assert bool(found) == is_wrong
    if is_wrong:
        assert math.isclose(found[0].data["least_loss"], 1.4611501717)


def test_a_sigmoid_of_one_class_belongs_to_a_binary_cross_entropy():
    text = network(["Linear: {out_features: 1}", "Sigmoid"], "[N, 64]")
    target = {"training": {"loss": "cross-entropy"}}
    assert lint_text(text, [SoftmaxBeforeCrossEntropy], target) == []


def chain(first, second):
    return parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 20]> '
        "g (float[2, 4] x) => (float[4, 2] y) "
        "<float low = {0}, float high = {6}, float far = {-1e30}> "
        f"{{ h = {first} r = Transpose<perm = [1, 0]>(h) y = {second} }}"
    )


@pytest.mark.parametrize(
    ("first", "second", "severity"),
    [
        ("Relu(x)", "Relu(r)", Severity.INFO),
        ("Relu(x)", "Abs(r)", Severity.INFO),
        ("Sigmoid(x)", "Relu(r)", Severity.INFO),
        ("Clip(x, low, high)", "Relu(r)", Severity.INFO),
        ("Relu(x)", "Clip(r, low, high)", None),
        ("Relu(x)", "LeakyRelu(r)", Severity.INFO),
        ("LeakyRelu(x)", "Relu(r)", None),
        ("Tanh(x)", "Relu(r)", None),
        ("Relu(x)", "Clip(r, far)", None),
        ("Relu(x)", "Sqrt(r)", None),
        ("Sigmoid(x)", "Sigmoid(r)", None),
        ("Softmax(x)", "Softmax(r)", Severity.WARNING),
        ("Relu(x)", "Softmax(r)", Severity.INFO),
    ],
)
def test_an_activation_is_found_behind_one_that_leaves_it_nothing_to_do(first, second, severity):
    findings = lint_model(chain(first, second), [RepeatedActivation])
    assert [each.severity for each in findings] == ([severity] if severity else [])


LINEAR = "Linear: {out_features: 16}"


@pytest.mark.parametrize(
    ("layers", "inputs", "weights"),
    [
        ([LINEAR, LINEAR], "[N, 16]", (512, 256)),
        ([LINEAR, "Dropout: {p: 0.0}", LINEAR], "[N, 5, 16]", (512, 256)),
        (["Linear: {out_features: 7}", LINEAR], "[N, 16]", None),  # of low rank: 224 < 256
        (["Linear: {out_features: 8}", LINEAR], "[N, 16]", (256, 256)),
        ([LINEAR, "ReLU", LINEAR], "[N, 16]", None),
        ([LINEAR, "Dropout: {p: 0.1}", LINEAR], "[N, 16]", None),
        ([LINEAR, "LayerNorm", LINEAR], "[N, 16]", None),
        ([LINEAR, "Permute: {dims: [0, 2, 1]}", LINEAR], "[N, 16, 16]", None),
        ([CONVOLUTION, "Conv2d: {out_channels: 8, kernel_size: 1}"], "[N, 8, 9, 9]", (640, 576)),
        (["Conv2d: {out_channels: 8, kernel_size: 1}", CONVOLUTION], "[N, 8, 9, 9]", None),
        (
            ["Conv2d: {out_channels: 8, kernel_size: 1, bias: false}", CONVOLUTION],
            "[N, 8, 9, 9]",
            (640, 576),
        ),
        ([CONVOLUTION, CONVOLUTION], "[N, 8, 9, 9]", None),
        (
            [
                "Conv2d: {out_channels: 8, kernel_size: 3, groups: 8}",
                "Conv2d: {out_channels: 8, kernel_size: 1}",
            ],
            "[N, 8, 9, 9]",
            None,
        ),
        ([LINEAR + "\n    name: a", LINEAR, "Add:\n    from: [previous, a]"], "[N, 16]", None),
    ],
)
def test_two_layers_are_found_that_one_with_fewer_weights_could_replace(layers, inputs, weights):
    found = lint_text(network(layers, inputs), [LinearAfterLinear])
    assert [(each.data["weights"], each.data["merged_weights"]) for each in found] == (
        [] if weights is None else [weights]
    )


def test_one_convolution_computes_what_two_do():
    """Also where the first is padded: the second adds its bias to what is there in any case."""
    onnxruntime = pytest.importorskip("onnxruntime")
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(4, 3, 3, 3)), generator.normal(size=(5, 4, 1, 1))
    bias, shift = generator.normal(size=4), generator.normal(size=5)
    merged = np.einsum("om,mikl->oikl", second[:, :, 0, 0], first)
    moved = second[:, :, 0, 0] @ bias + shift

    def run(body, **stored):
        names = ", ".join(
            f"float[{', '.join(map(str, array.shape))}] {name}" for name, array in stored.items()
        )
        model = parser.parse_model(
            '<ir_version: 9, opset_import: ["" : 20]> '
            f"g (float[2, 3, 6, 6] x, {names}) => (float y) {{ {body} }}"
        )
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        x = np.random.default_rng(1).normal(size=(2, 3, 6, 6))
        given = {name: array.astype(np.float32) for name, array in {"x": x, **stored}.items()}
        return session.run(None, given)[0]

    pair = run(
        "h = Conv<pads = [1, 1, 1, 1]>(x, f, b) y = Conv(h, s, c)",
        f=first,
        b=bias,
        s=second,
        c=shift,
    )
    one = run("y = Conv<pads = [1, 1, 1, 1]>(x, m, c)", m=merged, c=moved)
    assert np.allclose(pair, one, atol=1e-4)


def test_many_pairs_are_one_finding():
    (finding,) = lint_text(network([LINEAR] * 4, "[N, 16]"), [LinearAfterLinear])
    assert len(finding.data["pairs"]) == 3
    assert "and so do 2 more pairs" in finding.message


BOUNDED = ["Relu", "Gelu", "Elu", "Softplus", "Sigmoid", "Tanh", "HardSwish", "Abs"]


@pytest.mark.parametrize("op", [*BOUNDED, "LeakyRelu", "Identity"])
def test_behind_bounded_scores_a_softmax_cannot_rule_a_class_out(op):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = chain(f"{op}(x)", "Softmax(r)")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = np.zeros((2, 4), np.float32)
    x[0, 0] = -1000
    (y,) = session.run(None, {"x": x})
    rules_out = y[0, 0] < 1e-4
    assert bool(lint_model(model, [RepeatedActivation])) == (not rules_out)
    assert rules_out == (op not in BOUNDED)


def test_a_softmax_that_makes_no_output_or_has_something_before_it_passes():
    head = ["Linear: {out_features: 4}", "ReLU"]
    last = "Softmax: {dim: -1}"
    assert lint_text(network([*head, last], "[N, 64]"), [RepeatedActivation]) != []
    inside = [*head, last, "Linear: {out_features: 4}"]
    assert lint_text(network(inside, "[N, 64]"), [RepeatedActivation]) == []
    pooled = ["ReLU", "AdaptiveAvgPool2d: {output_size: 1}", "Flatten", last]
    assert lint_text(network(pooled), [RepeatedActivation]) == []
