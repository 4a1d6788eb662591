"""The examples have the published figures, run, and give the same facts as YAML and as ONNX.

Parameters and multiply-accumulates: torchvision's and timm's model pages, and the GPT-2 checkpoint.
Receptive fields: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill 2019 (VGG-16); 427 is ResNet-50 with the stride on the 3x3 convolution.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest

from archlint.analysis.facts import Facts
from archlint.frontends.architecture import compile_architecture
from archlint.frontends.architecture.export import export
from archlint.frontends.onnx import load_onnx
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml
from archlint.target import Target, Training

PARAMETERS = {
    "resnet50": 25_557_032,
    "vgg16": 138_357_544,
    "mobilenet_v2": 3_504_872,
    "gpt2": 124_439_808,
    "vit_s16": 22_050_664,
}

# Multiply-accumulates of one image of 224 x 224, to the digits that are published.
GIGA_MACS = {"resnet50": "4.089", "vgg16": "15.470", "mobilenet_v2": "0.301"}

RECEPTIVE_FIELDS = {"resnet50": 427, "vgg16": 212, "mobilenet_v2": 491, "wavenet": 3070}

LENGTHS = {"T": 24}  # of examples that leave one open

EXAMPLES = Path(__file__).parents[2] / "examples"
RIGHT = sorted(path.name.removesuffix(".arch.yaml") for path in EXAMPLES.glob("*.arch.yaml"))
ALL = sorted(EXAMPLES.rglob("*.arch.yaml"))


def architecture(path):
    return compile_architecture(read_yaml(path), path.parent)


def facts_of(model, batch_size=1):
    target = Target(batch_size=batch_size, training=Training(optimizer="adam"))
    return Facts(build_graph(model, Bindings(batch_size, LENGTHS)), target, operators())


def facts_of_example(name, batch_size=1):
    return facts_of(architecture(EXAMPLES / f"{name}.arch.yaml").model, batch_size)


@pytest.mark.parametrize(("name", "count"), PARAMETERS.items())
def test_parameters_are_the_published_ones(name, count):
    assert facts_of_example(name).parameters.count == count


@pytest.mark.parametrize(("name", "giga"), GIGA_MACS.items())
def test_multiply_accumulates_are_the_published_ones(name, giga):
    macs = facts_of_example(name).compute.forward_macs
    assert f"{macs.value / 1e9:.3f}" == giga


@pytest.mark.parametrize(("name", "size"), RECEPTIVE_FIELDS.items())
def test_receptive_fields_are_the_published_ones(name, size):
    fields = facts_of_example(name).receptive_fields
    extent = fields.extents[0]
    sizes = [fields.of(tensor, extent).size for tensor in fields.maps]
    assert (size, size) in sizes


@pytest.mark.parametrize("name", RIGHT)
def test_work_and_memory_grow_with_the_batch(name):
    one, two = facts_of_example(name, 1), facts_of_example(name, 2)
    assert one.compute.forward_macs.complete
    assert one.saved.total.complete
    assert one.parameters.count == two.parameters.count
    if len(one.graph.inputs) == 1 and name != "ds_cnn":
        assert two.compute.forward_macs.value == 2 * one.compute.forward_macs.value


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_the_compiled_model_is_valid(path):
    onnx.checker.check_model(architecture(path).model)


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_yaml_and_onnx_give_the_same_facts(path, tmp_path):
    declared = architecture(path)
    written = tmp_path / "model.onnx"
    written.write_bytes(export(declared).SerializeToString())
    one, other = facts_of(declared.model), facts_of(load_onnx(written).model)
    assert one.parameters.count == other.parameters.count
    assert one.parameters.buffer_count == other.parameters.buffer_count
    assert one.compute.forward_macs == other.compute.forward_macs
    assert one.compute.backward_flops == other.compute.backward_flops
    assert one.saved.total == other.saved.total
    assert one.training_memory.peak == other.training_memory.peak
    assert one.inference_memory.peak == other.inference_memory.peak
    assert one.receptive_fields.maps == other.receptive_fields.maps


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_the_compiled_model_runs_and_has_the_declared_shapes(path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = export(architecture(path))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    graph = facts_of(model).graph
    feeds = {name: _sample(graph.values[name]) for name in graph.inputs}
    outputs = session.run(None, feeds)
    for name, output in zip(graph.outputs, outputs, strict=True):
        assert output.shape == graph.values[name].sizes
        assert np.isfinite(output).all()


def _sample(value):
    generator = np.random.default_rng(0)
    if value.dtype.is_float:
        return generator.standard_normal(value.sizes).astype(np.float32)
    return generator.integers(0, 100, value.sizes)
