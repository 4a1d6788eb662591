"""What torch.export's optimizer computes from parameters stands in their place."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target, Training

SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
INPUTS = "x: USER_INPUT\np_scale: PARAMETER target='scale'\nb_rows: BUFFER target='rows'\n"
NOTE = "the exporter folded parameters into mul: export with optimize=False"


def note(stored: str, signature: str = INPUTS) -> str | None:
    """Return the note on a layer whose weight has the name `stored`."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", stored], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
        [numpy_helper.from_array(np.ones((4, 3), np.float32), stored)],
    )
    model = helper.make_model(graph, producer_name="pytorch")
    if signature:
        model.graph.metadata_props.add(key=SIGNATURE, value=f"# inputs\n{signature}")
    onnx.checker.check_model(model)
    target = Target(training=Training("sgd"))
    return Facts(build_graph(model, Bindings()), target, operators()).training_note


def test_a_tensor_in_place_of_a_parameter_is_named() -> None:
    assert note("mul") == NOTE


@pytest.mark.parametrize("stored", ["scale", "rows"])
def test_a_tensor_of_the_program_is_not_folded(stored: str) -> None:
    assert note(stored) is None


def test_nothing_is_folded_where_all_parameters_are_stored() -> None:
    without = INPUTS.replace("p_scale: PARAMETER target='scale'\n", "")
    assert note("mul", without) is None


def test_other_files_record_no_parameters() -> None:
    assert note("mul", "") is None
