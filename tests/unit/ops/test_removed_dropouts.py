"""Exports for inference hide layers; precision and kernels change what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.facts import Facts
from archlint.engine.stored_numbers import StoredNumbers
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.target import Target, Training

CHANNELS, SIDE, FLOAT = 4, 8, 4
MAP = CHANNELS * SIDE * SIDE * FLOAT
INPUT = 3 * SIDE * SIDE * FLOAT
SEEN = 0.006  # but for half a percent, which no file that hides something shows


def convolution(weight: str, bias: str, producer: str) -> onnx.ModelProto:
    """Return x -> Conv -> Relu, with a weight and a bias of the given names."""
    nodes = [
        helper.make_node("Conv", ["x", weight, bias], ["c"], kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    stored = [
        numpy_helper.from_array(np.ones((CHANNELS, 3, 3, 3), np.float32), weight),
        numpy_helper.from_array(np.ones(CHANNELS, np.float32), bias),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])],
        stored,
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, producer_name=producer, opset_imports=opset)


def facts(
    weight: str = "onnx::Conv_7",
    bias: str = "onnx::Conv_8",
    producer: str = "pytorch",
    **training: str,
) -> Facts:
    graph = build_graph(convolution(weight, bias, producer), Bindings())
    return Facts(graph, Target(training=Training("sgd", **training)), operators())


def test_a_weight_and_a_bias_with_generated_names_hide_a_batch_norm() -> None:
    found = facts()
    saved = found.saved.total
    # The batch norm keeps its input and two statistics a channel, dropout a mask.
    kept = INPUT + 2 * MAP + 2 * CHANNELS * FLOAT
    assert saved.low == pytest.approx(kept, rel=SEEN)
    assert saved.low <= kept
    assert saved.high == pytest.approx(kept + MAP, rel=SEEN)
    assert saved.high >= kept + MAP
    assert "batch norm" in (found.training_note or "")
    assert found.training_memory.peak.low < found.training_memory.peak.high
    assert found.trained_parameters.count == 108 + 2 * CHANNELS
    assert found.trained_parameters.buffer_count == 2 * CHANNELS


def test_other_folding_of_a_weight_preserves_the_name_of_its_bias() -> None:
    found = facts(bias="0.bias")
    assert found.saved.total.low == pytest.approx(INPUT + MAP, rel=SEEN)
    assert found.trained_parameters.count == 108 + CHANNELS


def test_stating_it_in_the_target_gives_an_exact_answer() -> None:
    present, absent = facts(batch_norm="present"), facts(batch_norm="absent", dropout="absent")
    assert present.saved.total.value == INPUT + 2 * MAP + 2 * CHANNELS * FLOAT
    assert absent.saved.total.value == INPUT + MAP
    assert absent.training_note is None


@pytest.mark.parametrize(("weight", "producer"), [("0.weight", "pytorch"), ("w", "somebody")])
def test_other_files_hide_nothing(weight: str, producer: str) -> None:
    found = facts(weight, "0.bias", producer)
    assert found.saved.total.value == INPUT + MAP
    assert found.training_note is None


def test_half_precision_halves_saved_bytes() -> None:
    assert facts("0.weight", "0.bias", precision="bf16").saved.total.value == (INPUT + MAP) // 2
    assert facts("0.weight", "0.bias", precision="bf16").training_memory.weight_bytes == 2 * 112


def test_autocast_saves_half_precision_and_a_copy_of_the_kernel() -> None:
    found = facts("0.weight", "0.bias", precision="bf16-mixed")
    assert found.saved.total.value == (INPUT + MAP) // 2 + 2 * 108  # of the bias only the size
    assert found.training_memory.weight_bytes == 4 * 112
    assert found.training_note is None


def test_autocast_of_a_file_with_hidden_layers_is_an_interval_too() -> None:
    saved = facts(precision="bf16-mixed").saved.total
    kept = (INPUT + 2 * MAP) // 2 + 2 * CHANNELS * FLOAT + 2 * 108
    assert saved.low == pytest.approx(kept, rel=SEEN)
    assert saved.high > saved.low


def test_stating_that_none_is_hidden_gives_a_signal() -> None:
    (reason,) = unknown(Target(weights="fresh"))
    assert "export in training mode" in reason
    assert unknown(Target(weights="fresh", training=Training(batch_norm="absent"))) == []


def unknown(target: Target) -> list[str]:
    """Return why the signal behind a convolution, as it is stored, is not known."""
    model = convolution("onnx::Conv_7", "onnx::Conv_8", "pytorch")
    graph = build_graph(model, Bindings())
    found = Facts(
        graph, target, operators(), StoredNumbers(Path("net.onnx"), model, {})
    ).propagation
    return [] if "c" in found.signals else [found.reasons[graph.producers["c"].name]]


def rows(shared: str) -> onnx.ModelProto:
    """Return two rows of an activation and a layer, of which the second reads what is `shared`."""
    nodes = [
        helper.make_node("Relu", ["x"], ["first"], name="/a/row/row.0/Relu"),
        helper.make_node("Gemm", ["first", "a.row.1.weight"], ["y"], name="/a/row/row.1/Gemm"),
        helper.make_node("Relu", ["y"], ["second"], name="/act/Relu"),
        helper.make_node("Gemm", [shared, "b.row.1.weight"], ["z"], name="/b/row/row.1/Gemm"),
    ]
    weight = np.ones((4, 4), np.float32)
    stored = [numpy_helper.from_array(weight, f"{row}.row.1.weight") for row in "ab"]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4]) for name in "xyz"]
    graph = helper.make_graph(nodes, "g", info[:1], info[1:], stored)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, producer_name="pytorch", opset_imports=opset)


@pytest.mark.parametrize(("shared", "hides"), [("first", False), ("second", True)])
def test_common_subexpressions_of_modules_are_not_removed_dropouts(shared, hides):
    graph = build_graph(rows(shared), Bindings())
    step = Facts(graph, Target(training=Training("sgd")), operators()).training_step
    assert (step.note is not None) is hides
