"""A model of a fixed batch with another one: what its author would have exported."""

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.node import Node
from archlint.graph.rebatch.axis import BatchAxis, Passage
from archlint.graph.value import Value
from onnx_text import model_of


@pytest.mark.parametrize("target", [[1, 512], [1, -1], [-1, 512], [0, 512], [0, -1]])
def test_a_reshape_that_keeps_the_batch(target: list[int]):
    model = model_of("float[1, 32, 4, 4] x", "y = Reshape(x, s)", s=target)

    graph = build_graph(model, Bindings(batch_size=6))

    assert graph.values["y"].sizes == (6, 512)
    shape = graph.constants[graph.nodes[-1].inputs[1]]
    assert [size for size in shape if size > 0] in ([6, 512], [6], [512], [])


def test_a_size_beyond_all_integers_stays_as_it_is():
    model = model_of(f"float[2, {2**61}] x", "y = Reshape(x, s) z = Relu(y)", s=[2**62])

    graph = build_graph(model, Bindings(batch_size=6))

    assert graph.values["y"].sizes in {None, (2**62,)}


def test_a_reshape_to_a_product_beyond_all_integers_stays_as_it_is():
    pads = f"{2**62 - 14}, 1, {2**62 - 14}, 1"
    nodes = f"h = MaxPool <kernel_shape = [3, 3], pads = [{pads}]> (x) y = Reshape(h, s)"
    model = model_of("float[2, 3, 4, 8] x", nodes, s=[2, -1])

    assert build_graph(model, Bindings(batch_size=4)).values["y"].shape is not None


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("other", [1, 3, 8])
def test_multi_head_attention_as_pytorch_exports_it(batch: int, other: int, observe):
    """Batch second, heads behind the batch: no shape of it has the batch in front."""

    def export(size: int) -> onnx.ModelProto:
        return model_of(
            f"float[{size}, 5, 12] x",
            "t = Transpose <perm = [1, 0, 2]> (x) "
            "h = Reshape(t, heads) q = Transpose <perm = [1, 0, 2]> (h) "
            "k = Transpose <perm = [0, 2, 1]> (q) a = MatMul(q, k) w = Softmax(a) "
            "v = MatMul(w, q) b = Transpose <perm = [1, 0, 2]> (v) f = Reshape(b, flat) "
            "z = Relu(f) r = Reshape(z, back) y = Transpose <perm = [1, 0, 2]> (r)",
            heads=[5, 3 * size, 4],
            flat=[5 * size, 12],
            back=[5, size, 12],
        )

    graph = build_graph(export(batch), Bindings(batch_size=other))

    truth = observe(export(other), {"x": np.zeros((other, 5, 12), np.float32)})
    for name, contents in truth.items():
        assert graph.values[name].sizes in (contents.shape, None), name
    assert graph.values["y"].sizes == (other, 5, 12)


def test_a_class_token_that_was_folded_grows():
    model = model_of("float[1, 16, 8] x", "y = Concat <axis = 1> (token, x)")
    model.graph.initializer.append(
        numpy_helper.from_array(np.zeros((1, 1, 8), np.float32), "token")
    )

    graph = build_graph(model, Bindings(batch_size=3))

    assert graph.values["y"].sizes == (3, 17, 8)
    assert graph.values["token"].sizes == (1, 1, 8)


def test_a_state_that_was_expanded_to_the_old_batch_grows():
    model = model_of("float[2, 8] x", "h = Expand(zero, s) r = Tanh(h) y = Add(x, r)", s=[2, 8])
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 8), np.float32), "zero"))

    graph = build_graph(model, Bindings(batch_size=5))

    assert graph.values["y"].sizes == (5, 8)
    assert graph.values["r"].sizes == (5, 8)


def grown(nodes: str, result: tuple[int, ...], **operands: list[int]) -> Mapping[str, Value]:
    """Return the tensors of a model for batch 2, given 5, to which a folded mask is added."""
    model = model_of("float[2, 24, 64] x", nodes, **operands)
    floats = {"mask": (2, 8, 8, 8), "w": (24, 8, 1, 1), "m": (24, 24)}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in floats.items()
    )
    graph = build_graph(model, Bindings(batch_size=5))
    assert graph.values["y"].sizes == result
    return graph.values


def test_the_layers_that_a_folded_mask_goes_through_grow_with_it():
    """As a position encoding does that is made of a mask of the batch of the day of the export."""
    values = grown(
        "e = Sin(mask) c = Conv(e, w) f = Reshape(c, flat) t = Transpose <perm = [0, 2, 1]> (f)"
        " i = Transpose <perm = [0, 2, 1]> (x) y = Add(i, t)",
        (5, 64, 24),
        flat=[2, 24, 64],
    )

    assert [values[name].sizes for name in "ecft"] == [
        (5, 8, 8, 8),
        (5, 24, 8, 8),
        (5, 24, 64),
        (5, 64, 24),
    ]


def test_tensors_computed_earlier_from_it_grow_too():
    values = grown(
        "e = Sin(mask) c = Conv(e, w) s = Relu(c) z = Reshape(s, flat) f = Reshape(c, flat)"
        " y = Add(x, f)",
        (5, 24, 64),
        flat=[2, 24, 64],
    )

    assert values["s"].sizes == (5, 24, 8, 8)
    assert values["z"].sizes == (5, 24, 64)


def test_the_queries_of_learned_latents_grow_through_the_heads():
    """Expanded latents attend to data: batch and heads are one axis on the way, heads inside."""
    model = model_of(
        "float[2, 9, 24] x",
        "l = Expand(latents, s) n = Relu(l) q = Transpose <perm = [1, 0, 2]> (n)"
        " h = Reshape(q, heads) b = Transpose <perm = [1, 0, 2]> (h) r = Reshape(b, four)"
        " d = Reshape(x, split) k = Transpose <perm = [0, 2, 3, 1]> (d) y = MatMul(r, k)",
        s=[2, 6, 24],
        heads=[6, 8, 6],
        four=[2, 4, 6, 6],
        split=[2, 9, 4, 6],
    )
    model.graph.initializer.append(
        numpy_helper.from_array(np.zeros((1, 6, 24), np.float32), "latents")
    )

    values = build_graph(model, Bindings(batch_size=5)).values

    assert [values[name].sizes for name in "lnqhbry"] == [
        (5, 6, 24),
        (5, 6, 24),
        (6, 5, 24),
        (6, 20, 6),
        (20, 6, 6),
        (5, 4, 6, 6),
        (5, 4, 6, 9),
    ]


def test_a_slice_of_which_the_batch_cannot_be_told_is_unknown():
    """The first two of six rows: as many as the batch, or always two?"""
    model = model_of(
        "float[2, 8] x",
        "e = Sin(rows) s = Slice(e, zero, two, zero) y = Add(x, s)",
        zero=[0],
        two=[2],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((6, 8), np.float32), "rows"))

    graph = build_graph(model, Bindings(batch_size=5))

    assert graph.values["s"].sizes is None
    assert "batch 2" in graph.unknown["s"]
    assert graph.values["e"].sizes == (6, 8)


def test_a_resize_to_constant_sizes_keeps_the_new_batch():
    model = model_of("float[1, 3, 8, 8] x", "y = Resize(x, , , s)", s=[1, 3, 16, 20])

    assert build_graph(model, Bindings(batch_size=4)).values["y"].sizes == (4, 3, 16, 20)


def test_all_inputs_with_the_batch_grow():
    model = model_of("float[1, 8] a, float[1, 8] b, float[4, 8] c", "d = Add(a, b) y = Sub(a, b)")

    graph = build_graph(model, Bindings(batch_size=7))

    assert [graph.values[name].sizes for name in "abcdy"] == [
        (7, 8),
        (7, 8),
        (4, 8),
        (7, 8),
        (7, 8),
    ]


@pytest.mark.parametrize(
    "nodes",
    [
        "y = Slice(x, zero, one, zero)",  # the first of the batch, or all of it?
        "y = Gather(x, zero)",
    ],
)
def test_an_undeterminable_batch_axis_is_unknown(nodes: str):
    model = model_of("float[1, 12] x", nodes, zero=[0], one=[1], flat=[3, 4])

    graph = build_graph(model, Bindings(batch_size=5))

    assert graph.values["y"].sizes is None
    assert "batch 1" in graph.unknown["y"]
    assert build_graph(model).values["y"].sizes is not None


def test_elements_are_never_lost_or_made():
    """Reshapes with every constant target: the new elements are the old ones times the ratio."""
    known = []
    for source in ((2, 3, 4), (3, 2, 4), (3, 4, 2)):
        for target in ([24], [2, 12], [12, 2], [6, 4], [4, 6], [3, 8], [1, 24], [2, 3, 4], [-1, 4]):
            model = model_of(
                "float[2, 3, 4] x",
                "t = Transpose <perm = %s> (x) y = Reshape(t, s)"
                % [(2, 3, 4).index(size) for size in source],
                s=target,
            )
            sizes = build_graph(model, Bindings(batch_size=6)).values["y"].sizes
            known += [] if sizes is None else [int(np.prod(sizes))]
    assert set(known) == {72}
    assert len(known) > 20, "a few cut the batch in a way that cannot be followed"


def test_the_batch_of_the_file_changes_nothing():
    model = model_of("float[2, 12] x", "y = Reshape(x, s)", s=[2, 3, 4])

    same, plain = build_graph(model, Bindings(batch_size=2)), build_graph(model)

    assert same.values == plain.values


def test_an_equation_with_too_few_terms_decides_nothing():
    nodes = 'y = Einsum <equation = "ab->a"> (x, m)'
    model = model_of("int64[2, 3] x", nodes, m=[[1, 2, 3], [4, 5, 6]])

    assert build_graph(model, Bindings(batch_size=5)).values["x"].sizes == (5, 3)


@pytest.mark.parametrize("sizes", [(), (0,), (3, 0), (0, 2), (4, 3)])
@pytest.mark.parametrize("outer", [(0, 2), (2,), (6, 0, 2)])
def test_an_empty_tensor_holds_no_batch_to_follow(sizes: tuple[int, ...], outer: tuple[int, ...]):
    place = BatchAxis(len(outer) - 1)
    node = Node("r", "Reshape", "", ("x", "s"), ("y",), {}, {})
    found = Passage(node, 0, sizes, outer, 2).before(place)
    assert found is None or sizes[found.axis] % 2 == 0


@pytest.mark.parametrize(("old", "new"), [(1, 5), (3, 1), (3, 5), (4, 2)])
def test_pairs_of_samples_grow_by_the_square(old: int, new: int, observe):
    """The similarities of all samples of a batch, as contrastive losses take them."""

    def export(size: int) -> onnx.ModelProto:
        return model_of(
            f"float[{size}, 12] x",
            "t = Transpose(x) p = MatMul(x, t) e = Exp(p) s = Softmax(e) y = MatMul(s, x)",
        )

    graph = build_graph(export(old), Bindings(batch_size=new))

    truth = observe(export(new), {"x": np.zeros((new, 12), np.float32)})
    assert {name: graph.values[name].sizes for name in truth} == {
        name: contents.shape for name, contents in truth.items()
    }


def test_the_batch_of_a_recurrent_layer_stays_behind_its_directions():
    """`[1 step, 1 direction, batch, features]`: what is dropped is the direction."""
    model = model_of(
        "float[1, 1, 4] x",
        "t = Transpose <perm = [1, 0, 2]> (x) g, h = GRU <hidden_size = 6> (t, w, r)"
        " d = Transpose <perm = [0, 2, 1, 3]> (g) o = Reshape(g, three)"
        " y = Transpose <perm = [1, 0, 2]> (o)",
        three=[1, 1, 6],
    )
    model.graph.initializer.extend(
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in {"w": (1, 18, 4), "r": (1, 18, 6)}.items()
    )

    values = build_graph(model, Bindings(batch_size=5)).values

    assert values["o"].sizes == (1, 5, 6)
    assert values["y"].sizes == (5, 1, 6)


def test_samples_and_frames_in_one_axis_stay_there():
    """Attention over the tokens of each frame of a video, sequence first: 3 frames a sample."""
    model = model_of(
        "float[1, 3, 16, 12] x",
        "f = Reshape(x, frames) t = Transpose <perm = [1, 0, 2]> (f) q = Reshape(t, three)"
        " y = Transpose <perm = [1, 0, 2, 3]> (q)",
        frames=[3, 16, 12],
        three=[16, 3, 3, 4],
    )

    values = build_graph(model, Bindings(batch_size=5)).values

    assert values["q"].sizes == (16, 15, 3, 4)
    assert values["y"].sizes == (15, 16, 3, 4)
