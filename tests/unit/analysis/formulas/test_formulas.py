"""Totals as formulas: the closed forms of an MLP, and what ends or breaks a formula."""

from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.amount import Amount
from archlint.analysis.facts import Facts
from archlint.analysis.formulas.composed import Composed
from archlint.analysis.formulas.formulas import Formulas
from archlint.analysis.formulas.samples import Samples
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.dimensions.open_dims import open_dims, with_sizes
from archlint.ops.registry import operators
from archlint.sources.yaml_document import parse_yaml
from archlint.target import Target, Training

BYTES = 4  # of a value


def formulas_of(model, training=None):
    """Return the formulas of a model, and what works out its facts with sizes."""
    known = operators()
    target = Target(training=training or Training(optimizer="sgd"))
    facts = Facts(build_graph(model), target, known)
    dims = open_dims(facts.graph)

    def bind(point):
        bindings = with_sizes(Bindings(), dict(zip(dims, point, strict=True)))
        return Facts(build_graph(model, bindings), target, known)

    return Formulas(Samples(facts, dims, bind)), bind


def architecture(text, training=None):
    return formulas_of(compile_architecture(parse_yaml(text.encode()), Path()).model, training)


def perceptron(layers, width, training=None):
    """Return the problem's network with an open batch: no biases, ReLU behind every layer."""
    return architecture(
        f"archlint: 1\nname: mlp\ninputs: {{x: [n, {width}]}}\nlayers:\n  - Sequential:\n"
        f"      - Linear: {{out_features: {width}, bias: false}}\n      - ReLU\n"
        f"    repeat: {layers}\n",
        training,
    )[0]


def counted(formulas, bind):
    """Return the same formulas, and a list of the sizes that are tried for them."""
    tried = []

    def count(point):
        tried.append(point)
        return bind(point)

    return Formulas(Samples(formulas.samples.open_facts, formulas.samples.dims, count)), tried


def terms(formula):
    """Return the coefficients of an exact formula by the powers of its symbols."""
    assert formula.reason == ""
    assert formula.low == formula.high
    assert formula.unknown == ()
    return formula.low.terms


sizes = {"layers": st.integers(1, 6), "width": st.integers(1, 300)}


@settings(deadline=None, max_examples=25)
@given(**sizes)
def test_the_work_of_an_mlp_is_linear_in_n(layers, width):
    formulas = perceptron(layers, width)
    forward = formulas.of(lambda facts: facts.compute.forward_macs)
    training = formulas.of(lambda facts: facts.compute.training_flops)
    assert terms(forward) == {(1,): width**2 * layers}
    assert terms(training) == {(1,): 2 * (3 * layers - 1) * width**2}
    assert forward.written(str) == f"{float(width**2 * layers)} * n"


@settings(deadline=None, max_examples=25)
@given(**sizes)
def test_the_memory_of_an_mlp_is_linear_in_n(layers, width):
    formulas = perceptron(layers, width)
    # Inference: L K^2 + 2 n K. The weights are no activations.
    inference = formulas.of(lambda facts: facts.inference_memory.peak)
    assert terms(inference) == {(1,): 2 * width * BYTES}
    # Training: 2 L K^2 + L n K. The input is kept by the first layer, and a ReLU keeps its output.
    saved = formulas.of(lambda facts: facts.saved.total)
    assert terms(saved) == {(1,): (layers + 1) * width * BYTES}


@settings(deadline=None, max_examples=25)
@given(layers=st.integers(1, 6), width=st.integers(8, 200), batch=st.integers(1, 4000))
def test_a_peak_is_linear_in_pieces(layers, width, batch):
    training = Training(optimizer="adam", loss="mse")
    formulas = perceptron(layers, width, training)
    piece = formulas.of(lambda facts: facts.training_memory.peak)
    assert piece.domain[0].largest is None

    def peak(size):
        return formulas.samples.bind((size,)).training_memory.peak.value

    while piece is not None:
        (sizes,) = piece.domain
        size = min(sizes.smallest + batch, sizes.largest or sizes.smallest + batch)
        for inside in (sizes.smallest, size):
            assert peak(inside) == piece.low.at((inside,))
        if piece.below:
            before = piece.below.domain[0].largest
            assert before == sizes.smallest - 1
            assert peak(before) > piece.low.at((before,))
        piece = piece.below


def test_three_batches_tell_all_lines():
    formulas = perceptron(3, 20)
    counting, tried = counted(formulas, formulas.samples.bind)
    assert terms(counting.of(lambda facts: facts.compute.training_flops))
    assert terms(counting.of(lambda facts: facts.inference_memory.peak))
    assert terms(counting.of(lambda facts: facts.saved.total))
    assert len(tried) == 3


def test_the_smallest_batch_may_be_an_exception():
    def branch(node):
        made = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
        return helper.make_graph([node], "branch", [], [made])

    alone = branch(helper.make_node("Relu", ["x"], ["same"]))
    several = branch(helper.make_node("MatMul", ["x", "w"], ["product"]))
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"], start=0, end=1),
        helper.make_node("Squeeze", ["sizes"], ["batch"]),
        helper.make_node("Equal", ["batch", "one"], ["is_one"]),
        helper.make_node("If", ["is_one"], ["y"], then_branch=alone, else_branch=several),
    ]
    model = network(nodes, ["N", 4], {"w": (4, 4)})
    model.graph.initializer.append(numpy_helper.from_array(np.array(1), "one"))
    formulas, _ = formulas_of(model)
    formula = formulas.of(lambda facts: facts.compute.forward_macs)
    assert formula.written(str) == "16.0 * N for N >= 2"


def test_pieces_of_a_formula_do_not_overlap():
    def falling(facts):  # at first, which nothing is that grows with the batch
        (batch, _) = facts.graph.values["x"].shape
        return Amount.exact(batch if batch > 4 else 102 - batch)

    formula = perceptron(1, 2).of(falling)
    while formula is not None:
        (sizes,) = formula.domain
        assert sizes.largest is None or sizes.smallest <= sizes.largest
        formula = formula.below


@settings(deadline=None, max_examples=25)
@given(width=st.integers(1, 300), limit=st.integers(1, 10**8), share=st.floats(0, 2))
def test_a_composed_amount_has_a_largest_batch_without_further_trials(width, limit, share):
    def reserved(_, parts):  # a share that is rounded up has no formula
        return parts[0].plus(ceil(parts[0].high * share))

    formulas = perceptron(1, width)
    counting, tried = counted(formulas, formulas.samples.bind)
    amount = Composed((lambda facts: facts.inference_memory.peak,), reserved)
    found = counting.largest(amount, counting.without(amount), limit)

    def fits(batch):
        peak = batch * 2 * width * BYTES
        return peak + ceil(peak * share) <= limit

    assert (found is None) == fits(2**20)
    if found is not None:
        assert found.size == 0 or fits(found.size)
        assert not fits(found.size + 1)
    assert len(tried) <= 3


def attention(positions):
    """Return the formulas of one attention of width 8, with an open batch and length."""
    return architecture(
        "archlint: 1\nname: attention\ninputs: {tokens: {shape: [N, T], dtype: int64}}\nlayers:\n"
        f"  - Embedding: {{num_embeddings: 100, embedding_dim: 8}}\n{positions}"
        "  - MultiheadAttention: {num_heads: 2}\n"
    )


def test_attention_is_quadratic_in_the_length():
    formula = attention("")[0].of(lambda facts: facts.compute.forward_macs)
    assert terms(formula) == {(1, 2): 2 * 8, (1, 1): 4 * 8 * 8}
    assert formula.domain[1].largest is None


def test_a_table_of_positions_ends_a_length():
    formulas, _ = attention("  - PositionEmbedding: {num_embeddings: 96}\n")
    formula = formulas.of(lambda facts: facts.compute.forward_macs)
    assert terms(formula) == {(1, 2): 2 * 8, (1, 1): 4 * 8 * 8}
    assert formula.written(str) == "16.0 * N * T^2 + 256.0 * N * T for T <= 96"


@pytest.mark.parametrize("rows", [10, 64, 66, 512, 3000])
def test_looked_up_positions_end_a_length(rows):
    # As GPT-2 is exported: Shape -> Range -> Gather. Nothing is sliced, so that no shapes differ.
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"], start=1, end=2),
        helper.make_node("Squeeze", ["sizes"], ["length"]),
        helper.make_node("Range", ["zero", "length", "one"], ["positions"]),
        helper.make_node("Gather", ["table", "positions"], ["rows"]),
        helper.make_node("Add", ["x", "rows"], ["h"]),
        helper.make_node("MatMul", ["h", "w"], ["y"]),
    ]
    model = network(nodes, ["N", "T", 8], {"table": (rows, 8), "w": (8, 8)})
    numbers = [numpy_helper.from_array(np.array(n), name) for n, name in ((0, "zero"), (1, "one"))]
    model.graph.initializer.extend(numbers)
    formula = formulas_of(model)[0].of(lambda facts: facts.compute.forward_macs)
    assert formula.written(str) == f"64.0 * N * T for T <= {rows}"


def test_strides_make_a_length_a_multiple():
    formulas, bind = architecture(
        "archlint: 1\nname: frames\ninputs: {x: [N, 4, T]}\nlayers:\n"
        "  - Conv1d: {out_channels: 8, kernel_size: 5, stride: 3}\n"
        "  - Conv1d: {out_channels: 8, kernel_size: 3, stride: 4}\n"
    )
    formula = formulas.of(lambda facts: facts.compute.forward_macs)
    assert formula.condition == "T a multiple of 12"
    # Neither convolution is padded: (T - 5)/3 + 1 positions are T/3 - 1, and then T/12.
    first, second = 4 * 5 * 8, 8 * 3 * 8
    assert terms(formula) == {
        (1, 1): Fraction(first, 3) + Fraction(second, 12),
        (1, 0): -first,
    }
    assert bind((3, 1200)).compute.forward_macs.value == formula.low.at((3, 1200))
    assert bind((3, 1201)).compute.forward_macs.value != formula.low.at((3, 1201))


def network(nodes, shape, weights, imports=()):
    """Return an ONNX model with one input `x` of `shape`, and weights of these shapes."""
    proto = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros(own, np.float32), name) for name, own in weights.items()],
    )
    opsets = [helper.make_opsetid("", 18), *imports]
    return helper.make_model(proto, opset_imports=opsets, ir_version=9)


def test_windows_make_a_length_a_multiple():
    # 7 tokens a window, each attending to the 7: the windows are cut out by a reshape.
    nodes = [
        helper.make_node("Reshape", ["x", "windows"], ["cut"]),
        helper.make_node("Transpose", ["cut"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["cut", "turned"], ["y"]),
    ]
    model = network(nodes, ["N", "T", 8], {})
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 7, 8]), "windows"))
    formulas, _ = formulas_of(model)
    formula = formulas.of(lambda facts: facts.compute.forward_macs)
    assert formula.condition == "T a multiple of 7"
    assert formula.domain[1].smallest == 7
    assert terms(formula) == {(1, 1): 7 * 8}


def test_a_map_without_places_is_no_answer():
    # Wide kernels leave nothing of a short signal: (T - 10)/5 + 1 and then (T/5 - 1 - 20)/2 + 1.
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["h"], strides=[5]),
        helper.make_node("Conv", ["h", "w"], ["y"], strides=[2]),
    ]
    formulas, _ = formulas_of(network(nodes, ["N", 1, "T"], {"v": (4, 1, 10), "w": (4, 4, 20)}))
    formula = formulas.of(lambda facts: facts.compute.forward_macs)
    assert formula.condition == "T a multiple of 10"
    assert formula.domain[1].smallest > 100
    first, second = 10 * 4, 20 * 4 * 4
    assert terms(formula) == {
        (1, 1): Fraction(first, 5) + Fraction(second, 10),
        (1, 0): -first - second * 10,
    }


def test_a_length_that_weights_fix_leaves_what_does_not_fit_unknown():
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    formulas, _ = formulas_of(network(nodes, ["N", 4, "T"], {"w": (400, 2)}))
    formula = formulas.of(lambda facts: facts.compute.forward_macs)
    assert [part.op for part in formula.unknown] == ["MatMul"]
    assert formula.written(str) == "at least 0"


def test_what_sizes_do_not_tell_stays_unknown():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Riddle", ["h"], ["y"], domain="acme"),
    ]
    acme = helper.make_opsetid("acme", 1)
    formulas, _ = formulas_of(network(nodes, ["N", 8], {"w": (8, 8)}, [acme]))
    formula = formulas.of(lambda facts: facts.compute.forward_macs)
    assert [part.op for part in formula.unknown] == ["Riddle"]
    assert formula.written(str) == "at least 64.0 * N"


def test_a_large_model_is_not_tried_often():
    formulas, bind = architecture(
        "archlint: 1\nname: deep\ninputs: {x: [N, 2]}\nlayers:\n  - Linear: {out_features: 2}\n"
        "    repeat: 1500\n"
    )
    counting, tried = counted(formulas, bind)
    assert terms(counting.of(lambda facts: facts.compute.forward_macs)) == {(1,): 6000}
    counting.of(lambda facts: facts.training_memory.peak)
    assert len(tried) == len(set(tried)) <= 18


@pytest.mark.parametrize("name", ["batch", "N", "b"])
def test_the_symbols_are_those_of_the_file(name):
    relu = helper.make_node("Relu", ["x"], ["y"])
    formulas, _ = formulas_of(network([relu], [name, 8], {}))
    assert formulas.symbols == (name,)
    assert formulas.of(lambda facts: facts.saved.total).written(str) == "0"
