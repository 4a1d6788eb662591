"""Published networks have their published sizes, and run."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from archlint.frontends.architecture import Architecture, compile_architecture
from archlint.frontends.architecture.export import export
from archlint.sources.yaml_document import read_yaml
from onnx_messages import trained_numbers

EXAMPLES = Path(__file__).parents[3] / "examples"

# Trained parameters, as torchvision, timm and the papers' own repositories count them.
PUBLISHED = {
    "resnet50": 25_557_032,
    "vgg16": 138_357_544,
    "mobilenet_v2": 3_504_872,
    "gpt2": 124_439_808,
    "vit_s16": 22_050_664,
}


def compiled(name: str) -> Architecture:
    path = EXAMPLES / f"{name}.arch.yaml"
    return compile_architecture(read_yaml(path), EXAMPLES)


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameters_are_as_published(name: str, parameters: int) -> None:
    model = compiled(name).model
    assert trained_numbers(model) == parameters
    onnx.checker.check_model(model)


def test_resnet50_multiplies_as_often_as_published() -> None:
    """4.089 G multiply-accumulates: output elements times products summed, convolutions and fc."""
    model = onnx.shape_inference.infer_shapes(compiled("resnet50").model, data_prop=True)
    shapes = {
        info.name: [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
        for info in [*model.graph.value_info, *model.graph.output]
    }
    weights = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    macs = sum(
        prod(shapes[node.output[0]]) * prod(weights[node.input[1]][1:])
        for node in model.graph.node
        if node.op_type in {"Conv", "Gemm"}
    )
    assert macs == 4_089_184_256


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "vit_s16"])
def test_a_published_network_runs_and_gives_its_declared_shape(run: Any, name: str) -> None:
    architecture = compiled(name)
    (given,) = architecture.model.graph.input
    (result,) = architecture.model.graph.output
    shape = [dim.dim_value or 1 for dim in given.type.tensor_type.shape.dim]
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    (scores,) = run(export(architecture), {given.name: image})
    assert list(scores.shape) == [dim.dim_value or 1 for dim in result.type.tensor_type.shape.dim]
    assert np.isfinite(scores).all()
