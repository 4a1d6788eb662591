"""Texts that are not UTF-8: the model is read all the same, with one warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper, numpy_helper

from archlint.findings import Severity
from archlint.sources.onnx_file import OnnxDocument, read_onnx
from archlint.sources.wire import key, write_field

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, name: bytes) -> OnnxDocument:
    """Read a model in which a weight, an operator, an attribute and a dimension have the name."""
    node = helper.make_node("NAME", ["NAME"], ["y"], domain="own", NAME=1)
    weight = numpy_helper.from_array(np.zeros(2000, np.float32), "NAME")
    output = helper.make_tensor_value_info("y", 1, ["NAME"])
    model = helper.make_model(helper.make_graph([node], "g", [], [output], [weight]))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString().replace(b"NAME", name))
    return read_onnx(path)


def test_names_in_another_encoding_become_readable(tmp_path: Path) -> None:
    found = read(tmp_path, "né\u20ac".encode("cp1252") + b"!")
    readable = r"n\xe9\x80!"
    (node,) = found.model.graph.node
    assert (node.op_type, node.input, node.attribute[0].name) == (readable, [readable], readable)
    dim = found.model.graph.output[0].type.tensor_type.shape.dim[0]
    assert dim.dim_param == readable
    assert found.model.graph.initializer[0].name == readable
    assert list(found.payloads) == [readable]
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("FILE005", Severity.WARNING)
    assert "5 texts" in problem.message


def test_utf8_is_no_problem(tmp_path: Path) -> None:
    found = read(tmp_path, "né!".encode())
    assert found.problems == ()
    assert list(found.payloads) == ["né!"]


def test_a_text_that_is_given_again_is_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    graph = write_field(key(2), b"\xff") + write_field(key(2), b"good")
    path.write_bytes(write_field(key(7), graph))
    found = read_onnx(path)
    assert found.model.graph.name == "good"
    assert found.problems == ()
