"""Seeded defects are found, their correct twins pass, and trained weights are left alone."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from archlint.api import Finding, Severity
from archlint.frontends.architecture import compile_architecture
from archlint.frontends.architecture.export import export
from archlint.sources.yaml_document import read_yaml
from archlint.testing import lint_file, lint_model, lint_text
from archlint_rules import archlint_rules

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.arch.yaml"))
RULES = [rule for rule in archlint_rules() if rule.code.startswith("INIT") and rule.enabled]

CHAIN = """
archlint: 1
name: chain
inputs:
  x: [N, 3, 32, 32]
layers:
  - Conv2d: {out_channels: 32, kernel_size: 3, padding: 1}
    init: {kaiming_normal: {nonlinearity: relu}}
  - ReLU
  - Conv2d: {out_channels: 32, kernel_size: 3, padding: 1, groups: GROUPS}
    init: INIT
    name: middle
  - ReLU
  - GlobalAvgPool
  - Flatten
  - Linear: {out_features: 10}
    name: head
outputs: [head]
"""
HE = sqrt(2 / 288)


def loud(findings: list[Finding]) -> list[str]:
    """Return the codes of what would fail a run."""
    return sorted({each.code for each in findings if each.severity is not Severity.INFO})


def chain(init: str, groups: int = 1) -> list[Finding]:
    return lint_text(CHAIN.replace("INIT", init).replace("GROUPS", str(groups)), RULES)


@pytest.mark.parametrize(
    ("defect", "code"),
    [
        (f"{{normal: {{std: {HE / sqrt(6)}}}}}", "INIT001"),
        (f"{{normal: {{std: {HE * sqrt(6)}}}}}", "INIT001"),
        (f"{{normal: {{std: {HE * sqrt(2)}}}}}", "INIT001"),  # He's factor of 2 put in twice
        (f"{{normal: {{std: {sqrt(2 / 32)}}}}}", "INIT001"),  # the kernel forgotten
        ("xavier_uniform", "INIT001"),
        ("{constant: 0.01}", "INIT007"),
        ("zeros", "INIT007"),
    ],
)
def test_a_seeded_defect_is_found(defect: str, code: str) -> None:
    assert loud(chain(defect)) == [code]


@pytest.mark.parametrize(
    "twin",
    [
        "{kaiming_normal: {nonlinearity: relu}}",
        "{kaiming_uniform: {nonlinearity: relu}}",
        f"{{normal: {{std: {HE}}}}}",
        f"{{uniform: {{a: {-HE * sqrt(3)}, b: {HE * sqrt(3)}}}}}",
        f"{{trunc_normal: {{std: {HE}}}}}",
        f"{{orthogonal: {{gain: {sqrt(2)}}}}}",
    ],
)
def test_correct_initializers_pass(twin: str) -> None:
    assert chain(twin) == []


def test_fan_in_counts_the_channels_of_one_group() -> None:
    assert chain(f"{{normal: {{std: {sqrt(2 / 9)}}}}}", groups=32) == []
    codes = {each.code for each in chain(f"{{normal: {{std: {HE}}}}}", groups=32)}
    assert codes == {"INIT001", "INIT009"}


def test_the_numbers_of_a_finding() -> None:
    (found,) = [each for each in chain("{normal: {std: 0.01}}") if each.code == "INIT001"]
    assert found.data["fan_in"] == 288
    assert found.data["sigma"] == pytest.approx(0.01)
    assert found.data["expected"] == pytest.approx(HE)
    assert found.data["ratio"] == pytest.approx(0.01 / HE)
    assert found.fix is not None
    assert found.fix.edits[0].text == "{kaiming_normal: {nonlinearity: relu}}"


def test_a_normalization_after_the_layer_lowers_the_severity() -> None:
    text = CHAIN.replace("name: middle", "name: middle\n  - BatchNorm2d")
    text = text.replace("INIT", "{normal: {std: 0.01}}").replace("GROUPS", "1")
    found = lint_text(text, RULES)
    assert [(each.code, each.severity) for each in found] == [("INIT001", Severity.INFO)]


def test_the_last_layer_before_pixels_may_be_small() -> None:
    text = CHAIN.replace("INIT", "{kaiming_normal: {nonlinearity: relu}}").replace("GROUPS", "1")
    head = "  - Linear: {out_features: 10}\n    name: head"
    small = head.replace("\n", "\n    init: {normal: {std: 0.02}}\n")
    for end in ("Tanh", "Sigmoid", "Softmax", "LogSoftmax"):
        ended = text.replace(head, f"{small}\n  - {end}:\n    name: end").replace("[head]", "[end]")
        assert lint_text(ended, RULES) == []
    hidden = f"{small}\n  - ReLU\n  - Linear: {{out_features: 4}}\n    name: last"
    found = lint_text(text.replace(head, hidden).replace("[head]", "[last]"), RULES)
    assert loud(found) == ["INIT001"]


def test_the_end_of_a_branch_may_be_small_before_its_layer_scale() -> None:
    text = """
archlint: 1
name: scaled
inputs:
  x: [N, 16, 64]
layers:
  - LayerNorm
  - Linear: {out_features: 256}
    init: {trunc_normal: {std: 0.02}}
  - GELU
  - Linear: {out_features: 64}
    init: {trunc_normal: {std: 0.02}}
    name: branch
  - Parameter: {shape: [64]}
    init: {constant: 0.000001}
    name: gamma
  - Mul:
    from: [branch, gamma]
    name: small
  - Add:
    from: [small, x]
    name: out
outputs: [out]
"""
    assert loud(lint_text(text, RULES)) == []


def test_the_end_of_a_branch_may_be_small_before_it_is_left_out_at_random() -> None:
    rng = np.random.default_rng(0)
    wide, narrow = (
        (rng.standard_normal(shape) * 0.02).astype(np.float32) for shape in ((64, 256), (256, 64))
    )
    nodes = [
        helper.make_node("LayerNormalization", ["x", "gain"], ["norm"]),
        helper.make_node("MatMul", ["norm", "wide"], ["hidden"]),
        helper.make_node("Gelu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "narrow"], ["branch"]),
        helper.make_node("CastLike", ["chances", "branch"], ["likely"]),
        helper.make_node("Bernoulli", ["likely"], ["kept"]),
        helper.make_node("Mul", ["branch", "kept"], ["small"]),
        helper.make_node("Add", ["small", "x"], ["y"]),
    ]
    stored = {"gain": np.ones(64, np.float32), "wide": wide, "narrow": narrow}
    stored["chances"] = np.full((8, 1, 1), 0.9, np.float32)
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [8, 16, 64]) for n in "xy"]
    initializers = [numpy_helper.from_array(each, name) for name, each in stored.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    assert loud(lint_model(model, RULES, {"weights": "fresh"})) == []


def test_the_fan_out_of_image_models_is_a_choice() -> None:
    text = CHAIN.replace("ReLU", "SiLU").replace(
        "32, kernel_size: 3, padding: 1, groups: GROUPS", "4, kernel_size: 3"
    )
    choice = "{kaiming_normal: {mode: fan_out, nonlinearity: relu}}"
    assert "INIT002" not in loud(lint_text(text.replace("INIT", choice), RULES))
    assert "INIT002" in loud(lint_text(text.replace("INIT", "{normal: {std: 0.9}}"), RULES))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_working_architectures_have_no_warning(path: Path) -> None:
    assert loud(lint_file(path, RULES)) == []


# Without biases and normalizations nothing tells that weights are fresh: it has to be stated.
@pytest.mark.parametrize(
    ("name", "stated"), [("mlp", "fresh"), ("ds_cnn", "auto"), ("mobilenet_v2", "auto")]
)
def test_a_fresh_export_is_as_its_file_declares(name: str, stated: str, tmp_path: Path) -> None:
    """The family is named, and sigma is within four standard errors, at every layer."""
    from archlint.analysis.facts import Facts
    from archlint.analysis.initialization.initialization import Initialization
    from archlint.engine.stored_numbers import StoredNumbers
    from archlint.graph.build import build_graph
    from archlint.graph.dimensions.bindings import Bindings
    from archlint.ops.registry import operators
    from archlint.target import Target

    source = next(path for path in EXAMPLES if path.name == f"{name}.arch.yaml")
    architecture = compile_architecture(read_yaml(source), source.parent)
    model = export(architecture, seed=3)
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]  # as from any other exporter
    path = tmp_path / "fresh.onnx"
    path.write_bytes(model.SerializeToString())
    declares = _facts(architecture.model).initialization
    graph = build_graph(model, Bindings(None, {}))
    stored: Initialization = Facts(
        graph, Target(weights=stated), operators(), StoredNumbers(path, model, {})
    ).initialization
    assert stored.freshness.is_fresh
    assert len(stored.layers) == len(declares.layers) > 0
    for layer in declares.layers:
        expected, found = declares.declared(layer.weight), stored.initial(layer.weight)
        assert expected is not None
        assert found is not None
        low, high = found.ratio_range(expected.std)
        assert low <= 0 <= high, layer.weight
        if (graph.values[layer.weight].elements or 0) >= 2000:
            assert found.family == expected.family, layer.weight


def _facts(model: ModelProto):
    from archlint.analysis.facts import Facts
    from archlint.graph.build import build_graph
    from archlint.graph.dimensions.bindings import Bindings
    from archlint.ops.registry import operators
    from archlint.target import Target

    return Facts(build_graph(model, Bindings(None, {})), Target(), operators())


def stack(random: np.random.Generator, sigma: float, bias: float, layers: int = 6) -> ModelProto:
    """Return a stack of ReLU layers with stored weights."""
    nodes, stored, last = [], [], "x"
    for index in range(layers):
        weight = random.normal(0, sigma, (128, 128)).astype(np.float32)
        offset = random.normal(0, bias, 128).astype(np.float32) if bias else np.zeros(128, "f4")
        stored += [
            numpy_helper.from_array(weight, f"w{index}"),
            numpy_helper.from_array(offset, f"b{index}"),
        ]
        nodes.append(helper.make_node("Gemm", [last, f"w{index}", f"b{index}"], [f"s{index}"]))
        nodes.append(helper.make_node("Relu", [f"s{index}"], [f"r{index}"]))
        last = f"r{index}"
    graph = helper.make_graph(
        nodes,
        "stack",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 128))],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, (1, 128))],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_fresh_weights_in_onnx_are_judged() -> None:
    random = np.random.default_rng(0)
    right = sqrt(2 / 128)
    assert loud(lint_model(stack(random, right, 0), RULES)) == []
    assert "INIT001" in loud(lint_model(stack(random, 3 * right, 0), RULES))


def test_trained_weights_are_not_judged() -> None:
    random = np.random.default_rng(0)
    trained = stack(random, 3 * sqrt(2 / 128), bias=0.3)
    assert lint_model(trained, RULES) == []
    stated = lint_model(trained, RULES, {"weights": "fresh"})
    assert "INIT001" in loud(stated)
    fresh = stack(random, 3 * sqrt(2 / 128), bias=0)
    assert lint_model(fresh, RULES, {"weights": "trained"}) == []


def test_a_small_uniform_weight_alone_is_not_that_of_a_framework() -> None:
    """Weights of scikit-learn, U(+-sqrt(6 / (fan-in + fan-out))), trained a little."""
    random = np.random.default_rng(0)
    sizes = (4, 64, 256, 256)
    nodes, stored, last = [], [], "x"
    for index, (rows, columns) in enumerate(pairwise(sizes)):
        bound = sqrt(6 / (rows + columns))
        for name, shape in ((f"w{index}", (rows, columns)), (f"b{index}", (1, columns))):
            kept = 0.8 if index else 1.0  # weight decay
            drawn = kept * random.uniform(-bound, bound, shape).astype(np.float32)
            stored.append(numpy_helper.from_array(drawn, name))
        nodes += [
            helper.make_node("MatMul", [last, f"w{index}"], [f"m{index}"]),
            helper.make_node("Add", [f"m{index}", f"b{index}"], [f"s{index}"]),
            helper.make_node("Relu", [f"s{index}"], [f"r{index}"]),
        ]
        last = f"r{index}"
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4))],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, (1, 256))],
        stored,
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    assert loud(lint_model(model, RULES)) == []


def test_equal_numbers_in_two_weights_are_found() -> None:
    random = np.random.default_rng(0)
    model = stack(random, sqrt(2 / 128), 0)
    assert "INIT012" not in loud(lint_model(model, RULES))
    copied = next(each for each in model.graph.initializer if each.name == "w3")
    source = next(each for each in model.graph.initializer if each.name == "w1")
    copied.raw_data = source.raw_data
    (found,) = [each for each in lint_model(model, RULES) if each.code == "INIT012"]
    assert found.data["weights"] == [["w1", "w3"]]


TRANSFORMER = """
archlint: 1
name: decoder
inputs:
  tokens: {shape: [N, 32], dtype: int64}
defaults:
  - Linear: {}
    init: {normal: {std: 0.02}}
  - MultiheadAttention: {num_heads: 4, is_causal: true}
    init: {normal: {std: 0.02}}
blocks:
  block:
    layers:
      - LayerNorm
      - Linear: {out_features: 64}
        name: mixed
      - MultiheadAttention: {num_heads: 4, is_causal: true}
        init: {normal: {std: 0.02}}
      - Linear: {out_features: 64}
        init: {normal: {std: LAST}}
        name: out
      - Add:
        from: [out, input]
        name: attended
      - LayerNorm
      - Linear: {out_features: 256}
      - GELU
      - Linear: {out_features: 64}
        init: {normal: {std: LAST}}
        name: down
      - Add:
        from: [down, attended]
layers:
  - Embedding: {num_embeddings: 100, embedding_dim: 64}
    init: {normal: {std: 0.02}}
  - block:
    repeat: 6
  - LayerNorm
  - Linear: {out_features: 100}
    name: logits
outputs: [logits]
"""


RESIDUAL = """
archlint: 1
name: residual
inputs:
  x: [N, 64]
defaults:
  - Linear: {}
    init: {kaiming_normal: {nonlinearity: relu}}
blocks:
  block:
    layers:
      - Linear: {out_features: 128}
      - ReLU
      - Linear: {out_features: 64}
        name: out
      - Add:
        from: [out, input]
layers:
  - block:
    repeat: 8
"""


def test_branches_whose_sum_is_normalized_do_not_add_up() -> None:
    """A post-norm block starts from the scale of one again."""

    def growth(text: str) -> list[object]:
        found = lint_text(text, RULES)
        return [each.data["growth"] for each in found if each.code == "INIT004"]

    assert growth(RESIDUAL) == [pytest.approx(3**8, rel=0.01)]  # each block adds twice its input
    normalized = RESIDUAL.replace("from: [out, input]", "from: [out, input]\n      - LayerNorm")
    assert growth(normalized) == []


def test_residual_branches_that_are_not_scaled() -> None:
    plain = lint_text(TRANSFORMER.replace("LAST", "0.02"), RULES)
    (found,) = [each for each in plain if each.code == "INIT004"]
    assert found.severity is Severity.WARNING
    assert found.data["expected"] == pytest.approx(0.02 / sqrt(12))
    scaled = lint_text(TRANSFORMER.replace("LAST", f"{0.02 / sqrt(12)}"), RULES)
    assert loud(scaled) == []
