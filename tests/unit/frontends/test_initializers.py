"""What weights are declared to be drawn from, and what export draws."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from archlint.frontends.architecture.export import draw, export
from archlint.frontends.architecture.initializer import KNOWN, initializer, read
from archlint.frontends.architecture.spread import deviation, gain

LAYER = """archlint: 1
inputs: {{x: {shape}}}
layers:
  - {layer}
"""


def declared(architecture: Any) -> dict[str, str]:
    return {
        tensor.name.partition(".")[2]: {e.key: e.value for e in tensor.metadata_props}[
            "archlint.initializer"
        ]
        for tensor in architecture.model.graph.initializer
        if tensor.metadata_props
    }


# The defaults of torch.nn, from its documentation and from reset_parameters.
DEFAULTS = [
    ("Conv2d: {out_channels: 8, kernel_size: 3, groups: 2}", "[1, 4, 9, 9]", {
        "weight": "kaiming_uniform(a=2.23606798, mode=fan_in, nonlinearity=leaky_relu)",
        "bias": f"uniform(a={-1 / sqrt(18):.9g}, b={1 / sqrt(18):.9g})",
    }),
    ("ConvTranspose2d: {out_channels: 8, kernel_size: 3}", "[1, 4, 9, 9]", {
        "weight": "kaiming_uniform(a=2.23606798, mode=fan_in, nonlinearity=leaky_relu)",
        "bias": f"uniform(a={-1 / sqrt(72):.9g}, b={1 / sqrt(72):.9g})",
    }),
    ("Linear: {out_features: 8}", "[1, 25]", {
        "weight": "kaiming_uniform(a=2.23606798, mode=fan_in, nonlinearity=leaky_relu)",
        "bias": "uniform(a=-0.2, b=0.2)",
    }),
    ("BatchNorm2d", "[1, 4, 9, 9]", {
        "weight": "ones()", "bias": "zeros()", "running_mean": "zeros()", "running_var": "ones()",
    }),
    ("LayerNorm", "[1, 4]", {"weight": "ones()", "bias": "zeros()"}),
    ("PReLU", "[1, 4]", {"weight": "constant(value=0.25)"}),
    ("GRU: {hidden_size: 16, bias: false}", "[5, 1, 4]", {
        "weight_ih_l0": "uniform(a=-0.25, b=0.25)", "weight_hh_l0": "uniform(a=-0.25, b=0.25)",
    }),
    ("MultiheadAttention: {num_heads: 2}", "[1, 5, 4]", {
        "in_proj.weight": "xavier_uniform(gain=1)",
        "in_proj.bias": "zeros()",
        "out_proj.weight": "kaiming_uniform(a=2.23606798, mode=fan_in, nonlinearity=leaky_relu)",
        "out_proj.bias": "zeros()",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape", "expected"), DEFAULTS)
def test_weights_are_drawn_as_pytorch_draws_them_where_nothing_is_said(
    compile_text: Any, layer: str, shape: str, expected: dict[str, str]
) -> None:
    assert declared(compile_text(LAYER.format(layer=layer, shape=shape))) == expected


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("zeros", "zeros()"),
        ("{normal: {std: 0.02}}", "normal(mean=0, std=0.02)"),
        ("{normal: }", "normal(mean=0, std=1)"),
        ("{constant: 0.1}", "constant(value=0.1)"),
        ("{constant: {value: 1e-6}}", "constant(value=1e-06)"),
        ('{normal: {std: "${0.02 / sqrt(4)}"}}', "normal(mean=0, std=0.01)"),
        ("glorot_uniform", "glorot_uniform()"),
        ("{truncated_normal: {stddev: 0.02}}", "truncated_normal(mean=0, stddev=0.02)"),
        (
            "{variance_scaling: {scale: 2, mode: fan_avg, distribution: uniform}}",
            "variance_scaling(scale=2, mode=fan_avg, distribution=uniform)",
        ),
        ("{trunc_normal: {std: 0.02}}", "trunc_normal(mean=0, std=0.02, a=-2, b=2)"),
        (
            "{kaiming_normal: {mode: fan_out, nonlinearity: relu}}",
            "kaiming_normal(a=0, mode=fan_out, nonlinearity=relu)",
        ),
    ],
)
def test_an_initializer_can_be_written_in_short_and_in_full(
    compile_text: Any, written: str, text: str
) -> None:
    layer = f"{{Linear: {{out_features: 3}}, init: {written}, bias_init: {written}}}"
    found = declared(compile_text(LAYER.format(layer=layer, shape="[1, 4]")))
    assert found == {"weight": text, "bias": text}


KERAS = json.loads(
    Path(__file__).parents[2].joinpath("truth", "keras_initializers.json").read_text("utf-8")
)["layers"]


@pytest.mark.parametrize("case", KERAS, ids=lambda case: case["layer"])
def test_weights_are_drawn_as_keras_draws_them_where_that_is_said(
    compile_text: Any, case: dict[str, Any]
) -> None:
    batch, *places, channels = case["input"]
    is_image = len(places) == 2
    shape = [batch, channels, *places] if is_image else case["input"]
    layer = f"{{{case['layer']}, init: keras_default}}" if ":" in case["layer"] else case["layer"]
    text = LAYER.format(layer=layer, shape=shape)
    whole = LAYER.format(layer=case["layer"], shape=shape) + "init: keras_default\n"
    architecture = compile_text(text)
    assert declared(architecture) == declared(compile_text(whole))
    drawn = {
        tensor.name.partition(".")[2]: numpy_helper.to_array(tensor)
        for tensor in export(architecture).graph.initializer
    }
    for name, found in case["weights"].items():
        values = drawn[name].astype(np.float64)
        slack = 4 * (found["std"] or 1) / sqrt(values.size)
        assert values.mean() == pytest.approx(found["mean"], abs=slack), name
        assert values.std() == pytest.approx(found["std"], rel=4 / sqrt(values.size)), name


def test_the_forget_gate_of_keras_starts_open(compile_text: Any) -> None:
    layer = "{LSTM: {hidden_size: 5, batch_first: true}, init: keras_default}"
    architecture = compile_text(LAYER.format(layer=layer, shape="[2, 3, 4]"))
    (bias,) = [
        numpy_helper.to_array(tensor)
        for tensor in export(architecture).graph.initializer
        if tensor.name.endswith("bias_l0")
    ]
    gates = bias.reshape(2, 4, 5).sum(axis=0)  # of ONNX: input, output, forget, cell
    assert gates.tolist() == [[0.0] * 5, [0.0] * 5, [1.0] * 5, [0.0] * 5]


def test_a_layer_can_have_the_default_of_the_other_framework(compile_text: Any) -> None:
    layer = "{Linear: {out_features: 8}, init: pytorch_default, bias_init: zeros}"
    text = LAYER.format(layer=layer, shape="[1, 25]") + "init: keras_default\n"
    assert declared(compile_text(text)) == {
        "weight": "kaiming_uniform(a=2.23606798, mode=fan_in, nonlinearity=leaky_relu)",
        "bias": "zeros()",
    }


def test_weights_of_one_layer_can_be_drawn_in_their_own_ways(compile_text: Any) -> None:
    inits = "init: {in_proj: {normal: {std: 0.02}}, out_proj: {normal: {std: 0.005}}}"
    layer = f"{{MultiheadAttention: {{num_heads: 2}}, {inits}, bias_init: {{out_proj: ones}}}}"
    assert declared(compile_text(LAYER.format(layer=layer, shape="[1, 5, 4]"))) == {
        "in_proj.weight": "normal(mean=0, std=0.02)",
        "in_proj.bias": "zeros()",
        "out_proj.weight": "normal(mean=0, std=0.005)",
        "out_proj.bias": "ones()",
    }


@pytest.mark.parametrize("name", KNOWN)
def test_the_text_of_an_initializer_can_be_read_back(name: str) -> None:
    made = initializer(name)
    assert read(str(made)) == made


@pytest.mark.parametrize("text", ["", "normal", "normal(mean=0", "norml()", "__import__()"])
def test_other_text_is_not_an_initializer(text: str) -> None:
    with pytest.raises(ValueError, match="not an initializer"):
        read(text)


def test_fans_are_those_that_pytorch_computes(compile_text: Any) -> None:
    layers = {
        "Conv2d: {out_channels: 8, kernel_size: [3, 5], groups: 2}": (2 * 15, 8 * 15),
        "ConvTranspose2d: {out_channels: 8, kernel_size: 3}": (8 * 9, 4 * 9),
        "Linear: {out_features: 8}": (9, 8),
    }
    for layer, expected in layers.items():
        shape = "[2, 7, 9]" if layer.startswith("Linear") else "[1, 4, 9, 9]"
        model = compile_text(LAYER.format(layer=layer, shape=shape)).model
        facts = {entry.key: entry.value for entry in model.graph.initializer[0].metadata_props}
        assert (int(facts["archlint.fan_in"]), int(facts["archlint.fan_out"])) == expected


# Standard deviations in closed form; U(-a, a) has a / sqrt(3).
DEVIATIONS = [
    (initializer("normal", std=0.02), 0.02),
    (initializer("uniform", a=-0.3, b=0.3), 0.3 / sqrt(3)),
    (initializer("kaiming_normal", nonlinearity="relu"), sqrt(2 / 300)),
    (initializer("kaiming_normal", mode="fan_out", nonlinearity="relu"), sqrt(2 / 200)),
    (initializer("kaiming_uniform", a=sqrt(5)), 1 / sqrt(3 * 300)),
    (initializer("xavier_uniform"), sqrt(2 / 500)),
    (initializer("xavier_normal", gain=2.0), 2 * sqrt(2 / 500)),
    (initializer("lecun_normal"), 1 / sqrt(300)),
    (initializer("trunc_normal", a=-2.0, b=2.0), 0.87962566),
    (initializer("orthogonal"), 1 / sqrt(300)),
    (initializer("glorot_normal"), sqrt(2 / 500)),
    (initializer("he_normal"), sqrt(2 / 300)),
    (initializer("lecun_uniform"), 1 / sqrt(300)),
    (initializer("truncated_normal"), 0.87962566 * 0.05),
    (initializer("trunc_normal_tf", std=0.02), 0.87962566 * 0.02),
    (initializer("variance_scaling", scale=3.0, mode="fan_out"), sqrt(3 / 200)),
    (initializer("zeros"), 0.0),
    (initializer("ones"), 0.0),
]


@pytest.mark.parametrize(("made", "expected"), DEVIATIONS, ids=str)
def test_drawn_weights_spread_as_declared(made: Any, expected: float) -> None:
    values = draw(made, (200, 300), (300, 200), np.random.default_rng(0))
    assert values.shape == (200, 300)
    assert float(values.std()) == pytest.approx(expected, rel=0.02)


def test_orthogonal_rows_are_orthonormal() -> None:
    made = initializer("orthogonal", gain=3.0)
    values = draw(made, (6, 2, 5), (10, 30), np.random.default_rng(0)).reshape(6, 10)
    assert np.allclose(values @ values.T, 9 * np.eye(6))


def test_dirac_passes_channels_on() -> None:
    values = draw(initializer("dirac"), (3, 3, 3, 3), (27, 27), np.random.default_rng(0))
    assert values.sum() == 3
    assert values[1, 1, 1, 1] == 1


@pytest.mark.parametrize(
    ("nonlinearity", "expected"),
    [("relu", sqrt(2)), ("tanh", 5 / 3), ("selu", 0.75), ("linear", 1.0), ("sigmoid", 1.0)],
)
def test_gains_are_those_of_pytorch(nonlinearity: str, expected: float) -> None:
    assert gain(nonlinearity, 0.0) == expected
    assert gain("leaky_relu", 1.0) == 1.0
    made = initializer("kaiming_normal", nonlinearity=nonlinearity)
    assert deviation(made, (4, 1)) == pytest.approx(expected / 2)


def test_export_is_the_same_for_a_seed_and_another_for_another(compile_text: Any) -> None:
    text = LAYER.format(layer="Linear: {out_features: 3}", shape="[1, 4]")
    architecture = compile_text(text)
    first, again = export(architecture, seed=1), export(architecture, seed=1)
    assert first.SerializeToString() == again.SerializeToString()
    other = export(architecture, seed=2)
    one, two = (numpy_helper.to_array(model.graph.initializer[0]) for model in (first, other))
    assert not np.allclose(one, two)
    onnx.checker.check_model(first, full_check=True)


def test_weights_that_no_onnx_file_can_hold_are_refused(compile_text: Any) -> None:
    text = LAYER.format(layer="Linear: {out_features: 1000000000}", shape="[1, 40000]")
    with pytest.raises(ValueError, match="2 GiB"):
        export(compile_text(text))


def test_the_compiled_model_itself_holds_no_data(compile_text: Any) -> None:
    text = LAYER.format(layer="Linear: {out_features: 30000}", shape="[1, 40000]")
    assert compile_text(text).model.ByteSize() < 2000
