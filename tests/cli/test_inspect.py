"""What `archlint inspect` prints for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from .conftest import DEAD, Archlint


def _layers(text: str) -> list[str]:
    table = text.partition("\n\n")[0].splitlines()[1:]
    return [line.split()[0] for line in table if not line.startswith("(")]


def write_transposed_linear(folder: Path) -> None:
    """A product with a weight that is stored the other way round, and a dead constant."""
    weight = numpy_helper.from_array(np.zeros((4, 3), np.float32), "weight")
    nodes = [
        helper.make_node("Transpose", ["weight"], ["turned"], name="turn", perm=[1, 0]),
        helper.make_node("MatMul", ["x", "turned"], ["product"], name="linear"),
        helper.make_node("Identity", ["product"], ["y"], name="end"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])
    graph = helper.make_graph(nodes, "net", [x], [y], [weight])
    (folder / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())


def test_nodes_that_only_prepare_weights_are_no_layers(archlint: Archlint, folder: Path) -> None:
    write_transposed_linear(folder)
    text = archlint("inspect", "net.onnx").out
    assert _layers(text) == ["linear", "end"]
    assert "(1 node that only prepares shapes or weights: --all-tensors)" in text
    assert _layers(archlint("inspect", "net.onnx", "--all-tensors").out) == [
        "turn",
        "linear",
        "end",
    ]


def test_open_dimensions_come_with_the_flags_that_bind_them(
    archlint: Archlint, folder: Path
) -> None:
    opened = DEAD.replace("[1, 3, 8, 8]", "[N, 3, 8, T]")
    (folder / "net.arch.yaml").write_text(opened, encoding="utf-8")
    assert (
        "bind the open dimensions: --batch-size N --dim T=N\n"
        in archlint("inspect", "net.arch.yaml").out
    )
    bound = archlint("inspect", "net.arch.yaml", "--batch-size", "2", "--dim", "T=8")
    assert "bind the open dimensions" not in bound.out


def test_a_reason_is_given_once(archlint: Archlint, folder: Path) -> None:
    nodes = [
        helper.make_node("Riddle", ["x"], ["h"], name="first", domain="acme"),
        helper.make_node("Riddle", ["h"], ["y"], name="second", domain="acme"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy")
    graph = helper.make_graph(nodes, "net", [x], [y])
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("acme", 1)]
    model = helper.make_model(graph, opset_imports=imports)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    text = archlint("inspect", "net.onnx").out
    assert text.count("the operator is not known") == 1
    assert "\n  Riddle first and 1 more: the operator is not known\n" in text
