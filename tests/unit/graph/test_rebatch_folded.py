"""What an exporter worked out with the old batch, or for a single sample, with another batch."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from onnx_text import model_of


@pytest.mark.parametrize("new", [1, 2, 5])
@pytest.mark.parametrize(
    ("nodes", "stored"),
    [
        ("y = Add(x, mask)", {"mask": (3, 4, 6)}),
        ("r = Sin(mask) y = Where(c, x, r)", {"mask": (3, 1, 6)}),
        ("t = Transpose <perm = [1, 0, 2]> (x) y = Mul(mask, t)", {"mask": (4, 3, 6)}),
        ("y = MatMul(x, mask)", {"mask": (3, 6, 5)}),
        ('y = Einsum <equation = "bij,kbj->bki"> (x, mask)', {"mask": (7, 3, 6)}),
        ("t = Transpose <perm = [2, 1, 0]> (x) y = MatMul(t, mask)", {"mask": (6, 3, 2)}),
        ("h = Reshape(x, flat) y = Add(h, mask)", {"mask": (12, 6)}),
    ],
)
def test_what_was_folded_with_the_old_batch_goes_with_any_new_one(
    nodes: str, stored: dict[str, tuple[int, ...]], new: int, observe
):
    """Also with one sample, where a mask of three would be broadcast against it."""

    def export(size: int) -> onnx.ModelProto:
        model = model_of(f"float[{size}, 4, 6] x", nodes, flat=[4 * size, 6])
        shapes = {
            name: [{3: size, 12: 4 * size}.get(each, each) for each in shape]
            for name, shape in stored.items()
        }
        model.graph.initializer.extend(
            numpy_helper.from_array(np.zeros(shape, np.float32), name)
            for name, shape in shapes.items()
        )
        condition = numpy_helper.from_array(np.zeros((1,), np.bool_), "c")
        model.graph.initializer.append(condition)
        return model

    graph = build_graph(export(3), Bindings(batch_size=new))

    truth = observe(export(new), {"x": np.zeros((new, 4, 6), np.float32)})
    assert {name: graph.values[name].sizes for name in truth} == {
        name: contents.shape for name, contents in truth.items()
    }
    assert graph.values["mask"].sizes == tuple(
        {3: new, 12: 4 * new}.get(each, each) for each in stored["mask"]
    )


@pytest.mark.parametrize("new", [1, 5])
@pytest.mark.parametrize("old", [1, 3])
def test_positions_of_the_samples_that_were_folded(old: int, new: int, observe):
    """As `x[arange(batch), where]` and `y[:, :2] = x[:, 1:]` are exported."""

    def export(size: int) -> onnx.ModelProto:
        model = model_of(
            f"float[{size}, 4, 6] x",
            "p = GatherND(x, picks) f = Reshape(x, flat) g = Gather(f, rows)"
            " s = Slice(x, one, end, one) z = ScatterND(zeros, places, s) r = Relu(z)"
            " y = Add(x, r)",
            picks=[[k, 2] for k in range(size)],
            flat=[-1, 6],
            rows=[[4 * k + 1, 4 * k] for k in range(size)],
            one=[1],
            end=[3],
            places=[[[k, 0], [k, 1]] for k in range(size)],
        )
        zeros = numpy_helper.from_array(np.zeros((size, 4, 6), np.float32), "zeros")
        model.graph.initializer.append(zeros)
        return model

    graph = build_graph(export(old), Bindings(batch_size=new))

    truth = observe(export(new), {"x": np.zeros((new, 4, 6), np.float32)})
    for name, contents in truth.items():
        assert graph.values[name].sizes in {contents.shape, None}, name
    assert graph.values["p"].sizes == (new, 6)
    assert graph.values["y"].sizes == (new, 4, 6)


def test_work_on_a_query_of_one_sample_may_be_done_for_each_or_once():
    """The queries of a decoder, or the table of a position bias: the file looks the same."""
    model = model_of("float[1, 9, 8] x", "q = MatMul(query, w) y = Add(x, q)")
    model.graph.initializer.extend(
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in {"query": (1, 9, 8), "w": (8, 8)}.items()
    )

    assert build_graph(model, Bindings(batch_size=5)).values["y"].sizes is None


@pytest.mark.parametrize(
    ("nodes", "work"),
    [
        # Repeated once, as by `expand(batch, -1, -1)` with a batch of 1: so it is for each.
        ("r = Expand(query, s) q = MatMul(r, w) y = Add(x, q)", (5, 9, 8)),
        # An axis put in front of what is done, as of a bias for all samples.
        ("m = MatMul(table, w) q = Unsqueeze(m, zero) y = Add(x, q)", (1, 9, 8)),
        ("q = Unsqueeze(table, zero) y = Add(x, q)", (1, 9, 8)),
        # The same of one head, where the axis of heads has the size of the batch.
        (
            """h = MatMul(query, w) q = Unsqueeze(h, zero) a = Unsqueeze(x, one)
            b = Add(a, q) y = Squeeze(b, one)""",
            (1, 1, 9, 8),
        ),
    ],
)
def test_work_that_says_how_often_it_is_done(nodes: str, work: tuple[int, ...]):
    model = model_of("float[1, 9, 8] x", nodes, s=[1, 9, 8], zero=[0], one=[1])
    model.graph.initializer.extend(
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in {"query": (1, 9, 8), "w": (8, 8), "table": (9, 8)}.items()
    )

    values = build_graph(model, Bindings(batch_size=5)).values

    assert values["y"].sizes == (5, 9, 8)
    assert values["q"].sizes == work


@pytest.mark.parametrize("new", [1, 5])
@pytest.mark.parametrize("features", [8, 200, 3000])
def test_a_state_of_zeros_that_was_written_down_grows(features: int, new: int, observe):
    """As `torch.zeros(batch, features)` is exported; a table of other numbers stays as it is."""

    def export(size: int) -> onnx.ModelProto:
        nodes = "h = MatMul(state, w) y = Add(x, h) z = Mul(x, table)"
        model = model_of(f"float[{size}, {features}] x", nodes)
        stored = {
            "state": np.zeros((size, features), np.float32),
            "table": np.arange(7 * features, dtype=np.float32).reshape(7, 1, features),
        }
        for name, contents in stored.items():
            value = numpy_helper.from_array(contents, name)
            model.graph.node.insert(0, helper.make_node("Constant", [], [name], value=value))
        weight = numpy_helper.from_array(np.zeros((features, features), np.float32), "w")
        model.graph.initializer.append(weight)
        return model

    graph = build_graph(export(1), Bindings(batch_size=new))

    truth = observe(export(new), {"x": np.zeros((new, features), np.float32)})
    assert {name: graph.values[name].sizes for name in truth} == {
        name: contents.shape for name, contents in truth.items()
    }
    assert graph.values["state"].sizes == (new, features)
    assert graph.values["table"].sizes == (7, 1, features)
