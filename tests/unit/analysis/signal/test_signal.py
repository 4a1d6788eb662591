"""Second moments and correlations against closed forms, sampling and onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from math import acos, pi, sqrt
from pathlib import Path

import numpy as np
import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from archlint.analysis.facts import Facts
from archlint.analysis.signal import gaussian
from archlint.analysis.signal.gradient import GradientSignal
from archlint.analysis.signal.propagation import Propagation
from archlint.analysis.signal.signal import normal
from archlint.frontends.architecture import compile_architecture
from archlint.frontends.architecture.export import export
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml
from archlint.target import Target

EXAMPLES = Path(__file__).parents[4] / "examples"


def relu(z: np.ndarray) -> np.ndarray:
    return z.clip(min=0)


def test_moments_of_a_rectified_normal_number() -> None:
    values = relu(gaussian.nodes())
    assert gaussian.mean(values) == pytest.approx(1 / sqrt(2 * pi), rel=1e-4)
    assert gaussian.second_moment(values) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7, 0.95, 1.0])
def test_the_product_of_two_rectified_numbers_is_the_arc_cosine_kernel(correlation: float) -> None:
    # Cho and Saul 2009, equation 6, for unit variances.
    angle = acos(correlation)
    kernel = (sqrt(1 - correlation**2) + (pi - angle) * correlation) / (2 * pi)
    found = gaussian.product(gaussian.spectrum(relu(gaussian.nodes()), 0.5), correlation)
    assert found == pytest.approx(kernel, rel=2e-3)


@pytest.mark.parametrize(("count", "correlation"), [(4, 0.0), (9, 0.5), (4, 0.95)])
def test_the_largest_of_correlated_numbers(count: int, correlation: float) -> None:
    random = np.random.default_rng(0)
    common, own = random.normal(size=(200_000, 1)), random.normal(size=(200_000, count))
    drawn = relu(sqrt(correlation) * common + sqrt(1 - correlation) * own).max(axis=1)
    mean, square = gaussian.largest(relu(gaussian.nodes()), count, correlation)
    assert mean == pytest.approx(drawn.mean(), rel=0.01)
    assert square == pytest.approx((drawn**2).mean(), rel=0.02)


def propagate(text: str, folder: Path, *, training: bool = True) -> Propagation:
    path = folder / "net.arch.yaml"
    path.write_text(text, encoding="utf-8")
    model = compile_architecture(read_yaml(path), folder).model
    facts = Facts(build_graph(model, Bindings(None, {})), Target(), operators())
    return Propagation(facts.initialization, training=training)


DEEP = """
archlint: 1
name: deep
inputs:
  x: [N, 512]
defaults:
  - Linear: {bias: BIAS}
    init: INIT
layers:
  - Sequential:
      - Linear: {out_features: 512}
        name: sum
      - ReLU
    repeat: 30
    name: deep
outputs: [deep]
"""


def test_he_initialization_keeps_the_second_moment(tmp_path: Path) -> None:
    text = DEEP.replace("INIT", "{kaiming_normal: {nonlinearity: relu}}").replace("BIAS", "false")
    found = propagate(text, tmp_path).signals["deep"]
    assert found.second_moment == pytest.approx(1.0, rel=1e-3)
    # 2 for the first sum, and 5/n for each ReLU: Hanin and Rolnick 2018.
    assert found.fluctuation == pytest.approx(30 * 5 / 512, rel=0.05)
    assert found.correlation == pytest.approx(0.98, abs=0.01)


def test_one_over_d_halves_it_at_each_layer(tmp_path: Path) -> None:
    text = DEEP.replace("INIT", "lecun_normal").replace("BIAS", "false")
    assert propagate(text, tmp_path).signals["deep"].second_moment == pytest.approx(
        0.5**30, rel=1e-3
    )


def test_the_default_of_pytorch_forgets_its_input(tmp_path: Path) -> None:
    text = DEEP.replace("    init: INIT\n", "").replace("BIAS", "true")
    found = propagate(text, tmp_path).signals["deep"]
    # The fixed point of q = q/6 + 1/(3d), behind a ReLU half of it.
    assert found.second_moment == pytest.approx(0.5 * 0.4 / 512, rel=0.01)
    assert found.correlation == pytest.approx(1.0, abs=1e-4)


def test_the_gradient_of_a_he_network_keeps_its_scale(tmp_path: Path) -> None:
    text = DEEP.replace("INIT", "{kaiming_normal: {nonlinearity: relu}}").replace("BIAS", "false")
    path = tmp_path / "net.arch.yaml"
    path.write_text(text, encoding="utf-8")
    model = compile_architecture(read_yaml(path), tmp_path).model
    facts = Facts(build_graph(model, Bindings(None, {})), Target(), operators())
    assert facts.gradient_signal.second_moments["x"] == pytest.approx(1.0, rel=1e-3)


def test_the_gradient_against_a_backward_pass(tmp_path: Path) -> None:
    text = """
archlint: 1
name: net
inputs:
  x: [N, 300]
layers:
  - Linear: {out_features: 500, bias: false}
    init: {normal: {std: 0.05}}
  - Tanh
  - Linear: {out_features: 400, bias: false}
    init: {normal: {std: 0.06}}
    name: out
outputs: [out]
"""
    path = tmp_path / "net.arch.yaml"
    path.write_text(text, encoding="utf-8")
    model = compile_architecture(read_yaml(path), tmp_path).model
    facts = Facts(build_graph(model, Bindings(None, {})), Target(), operators())
    random = np.random.default_rng(0)
    first, second = random.normal(0, 0.05, (300, 500)), random.normal(0, 0.06, (500, 400))
    hidden = np.tanh(random.normal(size=(64, 300)) @ first)
    gradient = (random.normal(size=(64, 400)) @ second.T * (1 - hidden**2)) @ first.T
    expected = float((gradient**2).mean())
    assert facts.gradient_signal.second_moments["x"] == pytest.approx(expected, rel=0.1)


def measure(model: onnx.ModelProto, propagation: Propagation, seed: int) -> dict[str, float]:
    """Return the mean square of every float tensor of a forward pass with random inputs."""
    import onnxruntime

    random = np.random.default_rng(seed)
    values = propagation.graph.values
    names = [
        name
        for name in propagation.signals
        if name in propagation.graph.producers
        and values[name].dtype is not None
        and values[name].dtype.is_float  # type: ignore[union-attr]  # looked at before
    ]
    outputs = {output.name for output in model.graph.output}
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in names
        if name not in outputs
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    feed = {}
    for node in session.get_inputs():
        declared = values[node.name].shape or ()
        shape = [
            size if isinstance(size, int) else bound
            for size, bound in zip(node.shape, declared, strict=True)
        ]
        if "int" in node.type:
            feed[node.name] = random.integers(0, 1000, shape).astype(np.int64)
        else:
            feed[node.name] = random.standard_normal(shape).astype(np.float32)
    results = session.run(names, feed)
    return {
        name: float(np.mean(np.square(result, dtype=np.float64)))
        for name, result in zip(names, results, strict=True)
    }


def check(name: str, dims: dict[str, int], seed: int) -> tuple[int, int, int]:
    """Return how many tensors are within their band, of how many, and how many are unknown."""
    path = EXAMPLES / f"{name}.arch.yaml"
    architecture = compile_architecture(read_yaml(path), path.parent)
    graph = build_graph(architecture.model, Bindings(2, dims))
    facts = Facts(graph, Target(), operators())
    propagation = Propagation(facts.initialization, training=False)
    found = measure(export(architecture, seed), propagation, seed)
    inside = 0
    for tensor, square in found.items():
        low, high = propagation.signals[tensor].band
        inside += 0.98 * low <= square <= 1.02 * high
    floats = sum(
        tensor in graph.producers and value.dtype is not None and value.dtype.is_float
        for tensor, value in graph.values.items()
    )
    return inside, len(found), floats - len(found)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(1, 4, 1, 0), (4, 4, 2, 1), (5, 3, 2, 0), (2, 6, 3, 2)],
)
def test_the_ends_of_a_transposed_convolution(
    size: int, kernel: int, stride: int, padding: int, tmp_path: Path
) -> None:
    """Every input gives each of its taps to an output, or to none behind the ends."""
    text = f"""
archlint: 1
name: net
inputs:
  x: [N, 32, {size}]
layers:
  - ConvTranspose1d:
      {{out_channels: 16, kernel_size: {kernel}, stride: {stride}, padding: {padding}, bias: false}}
    init: {{normal: {{std: 0.1}}}}
    name: y
outputs: [y]
"""
    outputs = stride * (size - 1) + kernel - 2 * padding
    places = [stride * i + t - padding for i in range(size) for t in range(kernel)]
    taps = sum(0 <= place < outputs for place in places)
    found = propagate(text, tmp_path).signals["y"]
    assert found.second_moment == pytest.approx(32 * 0.01 * taps / outputs, rel=1e-3)


SMALL: list[tuple[str, dict[str, int]]] = [
    ("mlp", {}),
    ("ds_cnn", {}),
    ("lstm_lm", {"S": 32}),
    ("mobilenet_v2", {}),
]
LARGE: list[tuple[str, dict[str, int]]] = [
    ("gpt2", {"S": 32}),
    ("resnet50", {}),
    ("unet", {}),
    ("vgg16", {}),
    ("vit_s16", {}),
    ("wavenet", {"T": 4096}),
]


@pytest.mark.parametrize(("name", "dims"), SMALL)
def test_the_signal_of_an_example_is_within_its_band(name: str, dims: dict[str, int]) -> None:
    inside, count, unknown = check(name, dims, seed=1)
    assert count > 0
    assert inside >= 0.95 * count
    assert unknown <= 0.05 * count


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dims"), LARGE)
def test_the_signal_of_a_large_example_is_within_its_band(name: str, dims: dict[str, int]) -> None:
    inside, count, unknown = check(name, dims, seed=1)
    assert inside >= 0.95 * count
    assert unknown <= 0.05 * count


def elu(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0, z, np.expm1(z.clip(max=0)))


ACTIVATIONS: list[tuple[str, Callable[[np.ndarray], np.ndarray], float]] = [
    # 1 / sqrt(E[f(z)^2]), integrated elsewhere.
    ("Relu", relu, sqrt(2)),
    ("Tanh", np.tanh, 1.5925),
    ("Elu", elu, 1.2452),
    ("Swish", lambda z: z / (1 + np.exp(-z)), 1.6765),
    ("HardSwish", lambda z: z * (z / 6 + 0.5).clip(0, 1), 1.7367),
]


@pytest.mark.parametrize(("op", "function", "gain"), ACTIVATIONS, ids=[a[0] for a in ACTIVATIONS])
def test_the_gain_of_an_activation(
    op: str, function: Callable[[np.ndarray], np.ndarray], gain: float
) -> None:
    from archlint.analysis.signal.gain import gain as found
    from archlint.ops.effect import Activates

    assert found(Activates(op, function)) == pytest.approx(gain, rel=1e-4)


def signals_of(
    nodes: list[onnx.NodeProto], sizes: dict[str, list[int]], **stored: np.ndarray
) -> Propagation:
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in sizes.items()]
    outputs = [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)]
    initializers = [onnx.numpy_helper.from_array(each, name) for name, each in stored.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    graph_of_model = build_graph(model, Bindings(None, {}))
    return Facts(graph_of_model, Target(weights="fresh"), operators()).propagation


@pytest.mark.parametrize(
    ("node", "stored"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"]), {"w": np.ones((4, 3, 1), np.float32)}),
        (helper.make_node("ReduceMean", ["x"], ["y"], axes=[2], keepdims=0), {}),
        (helper.make_node("ReduceMax", ["x"], ["y"], axes=[2], keepdims=0), {}),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), {"w": np.ones((0, 5), np.float32)}),
        (helper.make_node("MatMul", ["u", "w"], ["y"]), {"w": np.ones((7, 0), np.float32)}),
        (
            helper.make_node("Gather", ["w", "i"], ["y"]),
            {"w": np.ones((7, 3), np.float32), "i": np.ones(0, np.int64)},
        ),
        (helper.make_node("Concat", ["x", "x"], ["y"], axis=2), {}),
        (helper.make_node("Softmax", ["x"], ["y"], axis=2), {}),
        (helper.make_node("GlobalAveragePool", ["x"], ["y"]), {}),
        (helper.make_node("LayerNormalization", ["x", "w"], ["y"]), {"w": np.ones(0, np.float32)}),
    ],
)
def test_empty_tensors_have_no_moments(node: onnx.NodeProto, stored: dict[str, np.ndarray]) -> None:
    propagation = signals_of([node], {"x": [2, 3, 0], "u": [2, 7]}, **stored)
    assert "y" not in propagation.signals or propagation.signals["y"].second_moment == 0
    GradientSignal(propagation).second_moments  # noqa: B018 - computed all the same


@pytest.mark.parametrize("square", [1.0, 1e-80, 1e-170, 1e-250])
def test_the_kurtosis_is_free_of_scale(square: float) -> None:
    signal = replace(normal("x", 0, square, (0, 0)), width=8.0)
    assert signal.kurtosis == pytest.approx(3, rel=1e-4)
    assert signal.fluctuation == pytest.approx(2 / 8, rel=1e-4)
