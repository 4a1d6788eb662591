"""Sizes that are not known are named in every total that lacks them."""

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.target import Target, Training


@pytest.fixture(scope="module")
def facts():
    """A layer behind a tensor whose size is the contents of an input, which nothing keeps."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> '
        "g (float[4, 8] x, int64[3] s) => (float[4, 8] y) "
        "{ e = Expand(x, s) h = ReduceMax <keepdims = 0> (e, axes) y = MatMul(h, w) }"
    )
    weight = numpy_helper.from_array(np.zeros((8, 8), np.float32), "w")
    model.graph.initializer.extend([weight, numpy_helper.from_array(np.array([0]), "axes")])
    return Facts(build_graph(model), Target(training=Training(optimizer="sgd")), operators())


@pytest.mark.parametrize(
    "moment",
    [
        lambda facts: facts.inference_memory.peak,
        lambda facts: facts.training_memory.peak,
        lambda facts: facts.training_memory.forward_peak,
        lambda facts: facts.training_memory.backward_peak,
    ],
)
def test_what_is_only_passed_through_is_named_too(facts, moment):
    assert facts.saved.total.unknown == ()
    assert [part.op for part in moment(facts).unknown] == ["Expand"]


def test_weights_of_an_open_size_are_no_parameters():
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float[4, T] x) => (float[4, T, T] y) '
        "{ s = Shape(x) w = ConstantOfShape(s) y = MatMul(x, w) }"
    )
    facts = Facts(build_graph(model), Target(), operators())
    assert facts.parameters.every == ()
    assert facts.inference_memory.peak.unknown


def test_work_on_elements_of_an_open_number_is_no_product(facts):
    # The largest of each column of the tensor of an open size; the product is 4 x 8 x 8.
    assert facts.compute.forward_macs.low == 256
    assert facts.compute.forward_macs.complete
    assert [part.op for part in facts.compute.elementwise_flops.unknown] == ["ReduceMax"]
