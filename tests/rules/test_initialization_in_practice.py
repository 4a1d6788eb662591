"""How working networks are initialized on purpose, and the mistakes that look like it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.api import Finding, Rule, Severity
from archlint.testing import lint_model, lint_text
from archlint_rules import archlint_rules

RULES: dict[str, type[Rule]] = {
    rule.code: rule for rule in archlint_rules() if rule.code.startswith("INIT")
}
HE = "{kaiming_normal: {nonlinearity: relu}}"


def found(code: str, layers: str, shape: str = "[N, 64]", output: str = "out") -> list[Finding]:
    text = (
        f"archlint: 1\nname: net\ninputs:\n  x: {shape}\nlayers:\n{layers}\noutputs: [{output}]\n"
    )
    return lint_text(text, [RULES[code]])


def loud(code: str, layers: str, shape: str = "[N, 64]") -> list[str]:
    """Return the messages that would fail a run."""
    return [
        each.message for each in found(code, layers, shape) if each.severity is not Severity.INFO
    ]


ENDING_IN_ZERO = """
  - Conv2d: {{out_channels: 8, kernel_size: 3, padding: 1}}
    init: {he}
    name: stem
  - ReLU
  - Conv2d: {{out_channels: 8, kernel_size: 3, padding: 1}}
    init: zeros
    name: last
  - {after}
    name: branch
  - {join}:
    from: [branch, stem]
    name: out
"""


@pytest.mark.parametrize(
    ("after", "join", "dead"),
    [
        ("SqueezeExcitation: {squeeze_channels: 2}", "Add", False),
        ("LeakyReLU:", "Add", False),
        ("SiLU:", "Add", False),
        ("ReLU:", "Add", True),  # no gradient comes back through it
        ("LeakyReLU:", "Mul", True),  # nothing goes past it
    ],
)
def test_a_branch_may_start_with_nothing(after: str, join: str, dead: bool) -> None:
    """As PyTorch exports zero-gamma residual networks, with the norm folded into the weight."""
    text = ENDING_IN_ZERO.format(he=HE, after=after, join=join)
    assert bool(loud("INIT007", text, "[N, 3, 16, 16]")) is dead


HEAD = (
    """
  - Linear: {out_features: 1280}
    init: %s
  - {activation}
  - Linear: {{out_features: {classes}}}
    init: {init}
    name: out
""".replace("{out_features: 1280}", "{{out_features: 1280}}")
    % HE.replace("{", "{{").replace("}", "}}")
)


@pytest.mark.parametrize(("activation", "code"), [("ReLU", "INIT001"), ("SiLU", "INIT002")])
def test_a_last_layer_may_be_drawn_by_the_number_of_classes(activation: str, code: str) -> None:
    """U(+-1/sqrt(classes)), as MobileNets and EfficientNets draw it, is large for few classes."""
    few = "{uniform: {a: -0.316, b: 0.316}}"
    assert loud(code, HEAD.format(activation=activation, classes=10, init=few)) == []
    assert loud(code, HEAD.format(activation=activation, classes=1000, init=few))
    wild = "{normal: {std: 1.0}}"
    assert loud(code, HEAD.format(activation=activation, classes=10, init=wild))


SEPARABLE = """
  - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}
  - BatchNorm2d
  - ReLU
  - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1, groups: 16}
    init: {normal: {std: 0.05}}
  - BETWEEN
  - Conv2d: {out_channels: 16, kernel_size: 1}
    init: {kaiming_normal: {nonlinearity: relu}}
  - NORM
  - ReLU
  - Conv2d: {out_channels: 16, kernel_size: 1}
    name: out
"""


def test_a_normalization_also_mends_the_layer_before_a_linear_one() -> None:
    """A separable convolution is two products in a row: the scale of both is divided out."""
    text = SEPARABLE.replace("NORM", "BatchNorm2d")
    assert loud("INIT001", text.replace("BETWEEN", "Identity"), "[N, 3, 16, 16]") == []
    assert loud("INIT001", text.replace("BETWEEN", "Tanh"), "[N, 3, 16, 16]")
    without = SEPARABLE.replace("NORM", "Identity").replace("BETWEEN", "Identity")
    assert loud("INIT001", without, "[N, 3, 16, 16]")


BRANCH = """
  - LayerNorm:
    name: norm
  - Linear: {out_features: 64, bias: false}
    init: {normal: {std: 0.002}}
  - GELU
  - Linear: {out_features: 64, bias: false}
    init: {normal: {std: 0.002}}
  - GELU
  - Linear: {out_features: 64}
    init: {normal: {std: 0.02}}
    name: branch
"""
AROUND = "  - Add:\n    from: [branch, x]\n    name: sum\n"
BESIDE = "  - Add:\n    from: [branch, other]\n    name: sum\n"
ON = "  - Linear: {out_features: 64}\n    name: out\n"


@pytest.mark.parametrize("code", ["INIT002", "INIT005"])
def test_inside_of_a_residual_branch_a_signal_may_be_small(code: str) -> None:
    assert loud(code, BRANCH + AROUND + ON) == []
    assert loud(code, BRANCH + "  - Mul:\n    from: [branch, x]\n" + ON)
    straight = BRANCH + "  - GELU\n" + ON
    assert loud(code, straight)


@pytest.mark.parametrize("code", ["INIT002", "INIT005"])
def test_what_is_added_to_another_input_is_no_residual_branch(code: str) -> None:
    """As an encoder, that all layers of a decoder add to their own stream."""
    text = (
        "archlint: 1\nname: net\ninputs:\n  x: [N, 64]\n  other: [N, 64]\nlayers:\n"
        f"{BRANCH}{BESIDE}{ON}\noutputs: [out]\n"
    )
    assert [each for each in lint_text(text, [RULES[code]]) if each.severity is not Severity.INFO]


GATED = """
  - Linear: {out_features: 64}
    init: {kaiming_normal: {nonlinearity: relu}}
    name: value
  - Linear: {out_features: 32}
    from: x
    init: {kaiming_normal: {nonlinearity: relu}}
  - ReLU
  - Linear: {out_features: 64}
    init: {normal: {std: 0.02}}
  - END:
    name: gate
  - Mul:
    from: [value, gate]
    name: gated
  - Linear: {out_features: 8}
    name: out
"""


def test_a_layer_that_opens_a_gate_may_be_small() -> None:
    assert loud("INIT001", GATED.replace("END", "Sigmoid")) == []
    assert loud("INIT001", GATED.replace("END", "Identity"))


def test_the_layer_before_the_last_may_be_smaller_than_its_activation_asks() -> None:
    """As MobileNetV3's classifier, N(0, 0.01); a hundredth of it is lost, and so is a chain."""
    layers = """
  - Linear: {out_features: 576}
    init: {kaiming_normal: {nonlinearity: relu}}
  - Hardswish
  - Linear: {out_features: 1024}
    init: {normal: {std: STD}}
  - Hardswish
  - Dropout: {p: 0.2}
"""
    head = "  - Linear: {out_features: 10}\n    init: {normal: {std: 0.01}}\n    name: out\n"
    between = "  - Linear: {out_features: 64}\n    init: {normal: {std: 0.04}}\n  - Hardswish\n"
    small = layers.replace("STD", "0.01")
    assert [each.severity for each in found("INIT002", small + head)] == [Severity.INFO]
    assert loud("INIT002", small + between + head)
    assert loud("INIT002", layers.replace("STD", "0.0001") + head)


DEEP = "  - Sequential:\n      - Linear: {out_features: 64}\n      - ReLU\n    repeat: 3\n"


def test_a_product_of_signals_ends_a_row_of_defaults() -> None:
    """Behind a gate the scale does not follow from the layers before it: no row of ReLU layers."""
    gated = (
        f"{DEEP}    name: body\n  - Linear: {{out_features: 64}}\n  - Sigmoid:\n    name: gate\n"
        f"  - Mul:\n    from: [body, gate]\n{DEEP}{ON}"
    )
    assert loud("INIT003", gated) == []
    assert loud("INIT003", DEEP + DEEP + ON)


def test_functions_that_no_layer_is_given_have_any_scale() -> None:
    """Logits that a tanh cuts far out are tiny inside of it, on purpose."""
    capped = """
  - Linear: {out_features: 64, bias: false}
    init: {normal: {std: 0.0001}}
  - Tanh:
    name: END
"""
    assert found("INIT005", capped.replace("END", "out")) == []
    assert loud("INIT005", capped.replace("END", "inner") + ON)


STEM = """
  - Linear: {{out_features: 64}}
    init: {he}
  - ReLU:
    name: stem
"""
FAINT = "init: {normal: {std: 0.05}}"  # 0.28 of sqrt(2/64)


ROUTER = """
  - Linear: {{out_features: 64}}
    {faint}
    name: scores
  - Softmax: {{dim: -1}}
    name: shares
  - Mul:
    from: [shares, stem]
  - Linear: {{out_features: 4}}
    name: out
"""
HIDDEN = ROUTER.replace("Softmax: {{dim: -1}}", "ReLU:")


@pytest.mark.parametrize(("layers", "is_wrong"), [(ROUTER, False), (HIDDEN, True)])
def test_scores_that_a_softmax_shares_out_may_be_small(layers: str, is_wrong: bool) -> None:
    text = (STEM + layers).format(he=HE, faint=FAINT)
    assert bool(loud("INIT001", text)) is is_wrong


AVERAGED = """
  - Conv2d: {{out_channels: 64, kernel_size: 3, padding: 1}}
    init: {he}
  - ReLU
  - Conv2d: {{out_channels: 10, kernel_size: 1}}
    init: {{normal: {{std: 0.01}}}}
  - ReLU
  - {after}
"""


CLASSIFIER = "Flatten\n  - Linear: {out_features: 10}\n    name: out"
POOLING = "AdaptiveAvgPool2d: {output_size: 1}\n  - "


@pytest.mark.parametrize(
    ("after", "is_wrong"),
    [
        (f"{POOLING}Flatten:\n    name: out", False),
        (CLASSIFIER, True),
        (POOLING + CLASSIFIER, True),
    ],
    ids=["squeezenet", "head", "head-behind-a-pooling"],
)
def test_scores_of_positions_that_are_averaged_may_be_small(after: str, is_wrong: bool) -> None:
    layers = AVERAGED.format(he=HE, after=after)
    assert found("INIT001", layers, "[N, 3, 8, 8]")
    assert bool(loud("INIT001", layers, "[N, 3, 8, 8]")) is is_wrong


QUERIES = """
  - Conv1d: {{out_channels: 64, kernel_size: 1}}
    init: {init}
    name: q
  - Conv1d: {{out_channels: 64, kernel_size: 1}}
    init: {he}
    from: stem
    name: k
  - Permute: {{dims: [0, 2, 1]}}
    name: turned
    from: q
  - MatMul:
    from: [turned, k]
  - Softmax: {{dim: -1}}
    name: shares
  - Conv1d: {{out_channels: 64, kernel_size: 1}}
    init: {values}
    from: stem
    name: v
  - MatMul:
    from: [v, shares]
  - ReLU
  - Conv1d: {{out_channels: 4, kernel_size: 1}}
    name: out
"""


@pytest.mark.parametrize(
    ("queries", "values", "wrong"),
    [(HE, HE, []), ("{normal: {std: 0.05}}", HE, []), (HE, "{normal: {std: 0.05}}", ["v"])],
)
def test_queries_may_be_small_and_values_may_not(
    queries: str, values: str, wrong: list[str]
) -> None:
    stem = STEM.format(he=HE).replace("Linear: {out_features: 64}", CONVOLUTION)
    layers = stem + QUERIES.format(init=queries, he=HE, values=values)
    told = loud("INIT001", layers, "[N, 64, 20]")
    assert [each.split()[2] for each in told] == [f"{name}.weight" for name in wrong]


CONVOLUTION = "Conv1d: {out_channels: 64, kernel_size: 1}"


@pytest.mark.parametrize(("divides", "is_wrong"), [(True, False), (False, True)])
def test_a_division_by_its_own_length_cancels_the_scale_of_a_projection(
    divides: bool, is_wrong: bool
) -> None:
    """As in contrastive learning, and with what follows it in some heads."""
    last = "n = ReduceL2(h, axes) m = Max(n, least) e = Div(h, m) " if divides else ""
    text = (
        '<ir_version: 9, opset_import: ["" : 20]> g (float[4, 64] x) => (float[4, 8] y) '
        "<int64[1] axes = {-1}, float least = {1e-12}> "
        "{ a = MatMul(x, w0) r = Relu(a) h = MatMul(r, w1) "
        f"{last} y = MatMul({'e' if divides else 'h'}, w2) }}"
    )
    model = parser.parse_model(text)
    generator = np.random.default_rng(0)
    for name, shape, sigma in (
        ("w0", (64, 64), 0.177),
        ("w1", (64, 64), 0.05),
        ("w2", (64, 8), 0.125),
    ):
        weight = generator.normal(0, sigma, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weight, name))
    told = lint_model(model, [RULES["INIT001"]], {"weights": "fresh"})
    assert bool([each for each in told if each.severity is not Severity.INFO]) is is_wrong
