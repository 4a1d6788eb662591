"""Every model that the installed onnx package brings along."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.graph import Graph

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
LIGHT = sorted((DATA / "light").glob("*.onnx"))
ALL = sorted(DATA.rglob("*.onnx"))


def load(path: Path) -> onnx.ModelProto:
    return onnx.load(path, load_external_data=False)


def open_tensors(graph: Graph) -> list[str]:
    names = (name for node in graph.nodes for name in node.outputs if name)
    return [name for name in names if graph.values[name].sizes is None]


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_every_shape_of_a_light_model_is_known(path: Path):
    graph = build_graph(load(path))

    assert open_tensors(graph) == []
    assert not graph.conflicts
    expected = onnx.TensorProto.FromString(path.with_name(f"{path.stem}_output_0.pb").read_bytes())
    assert graph.values[graph.outputs[0]].sizes == tuple(expected.dims)


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_a_light_model_grows_with_the_batch(path: Path):
    one, five = build_graph(load(path)), build_graph(load(path), Bindings(batch_size=5))

    assert open_tensors(five) == []
    assert five.values[five.outputs[0]].sizes == (5, *one.values[one.outputs[0]].sizes[1:])


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_shapes_of_a_light_model_are_those_that_onnxruntime_observes(name: str, observe):
    model = load(DATA / "light" / f"light_{name}.onnx")
    graph = build_graph(model)
    feeds = {tensor: np.zeros(graph.values[tensor].sizes, np.float32) for tensor in graph.inputs}
    observed = observe(model, feeds)

    assert len(observed) > 100
    for tensor, contents in observed.items():
        assert graph.values[tensor].sizes == contents.shape, tensor


def test_there_are_models_to_read():
    assert len(LIGHT) >= 9
    assert len(ALL) > 100


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_any_model_is_read(path: Path):
    model = load(path)
    for bindings in (Bindings(), Bindings(batch_size=3)):
        graph = build_graph(model, bindings)
        used = {name for node in graph.nodes for name in (*node.inputs, *node.outputs) if name}
        assert used <= graph.values.keys()
        assert set(graph.outputs) <= graph.values.keys()
        assert len(graph.by_name) == len(graph.nodes)
