"""What `archlint inspect` prints for people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jsonschema import Draft202012Validator
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


OPEN = """\
archlint: 1
name: net
inputs:
  x: [N, 3, H, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 2, stride: 2, bias: false}
    name: stem
"""


def test_totals_of_an_open_model_are_formulas(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(OPEN, encoding="utf-8")
    lines = archlint("inspect", "net.arch.yaml", "--optimizer", "sgd").out.splitlines()
    # 4 * 3 * 2 * 2 multiplications at each of N * H/2 * 8/2 places.
    assert "forward              96 MAC * N * H = 192 FLOP * N * H" in lines
    # Only the input is kept: 3 * 8 values of 4 bytes.
    assert "  saved activations  96 B * N * H" in lines
    assert "parameters           48 (192 B)" in lines
    (stem,) = [line for line in lines if line.startswith("stem")]
    assert "96 * N * H" in stem
    assert lines[-2:] == [
        "formulas hold for H a multiple of 2",
        "bind the open dimensions: --batch-size N --dim H=N",
    ]
    assert not any("not known" in line or "at least" in line for line in lines)


def test_formulas_of_an_open_model_as_json(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(OPEN, encoding="utf-8")
    facts = json.loads(archlint("inspect", "net.arch.yaml", "--format", "json").out)
    schema = json.loads(archlint("schema", "facts").out)
    Draft202012Validator(schema).validate(facts)
    assert not facts["compute"]["complete"]
    formulas = facts["formulas"]
    assert [symbol["name"] for symbol in formulas["symbols"]] == ["N", "H"]
    macs = formulas["compute"]["forward_macs"]
    assert macs["low"] == macs["high"] == [{"coefficient": 96, "powers": {"N": 1, "H": 1}}]
    assert macs["multiple_of"] == {"N": 1, "H": 2}
    assert macs["smallest"] == {"N": 1, "H": 2}
    assert formulas["unknown"] == [
        {"node": "", "op": "optimizer", "reason": "no optimizer is given"}
    ]


def test_a_bound_model_has_no_formulas(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(OPEN, encoding="utf-8")
    bound = ("--batch-size", "2", "--dim", "H=8", "--format", "json")
    facts = json.loads(archlint("inspect", "net.arch.yaml", *bound).out)
    assert facts["formulas"] is None
    assert facts["compute"]["forward_macs"] == 96 * 2 * 8
