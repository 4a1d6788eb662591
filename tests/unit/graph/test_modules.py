"""Which module called an operator, as exporters and architecture files tell it."""

from __future__ import annotations

import pytest

from archlint.graph.node import Node
from archlint.graph.program.modules import SCOPES, is_target, matched, module_path


def node(name: str, scopes: str | None = None) -> Node:
    return Node(name, "MatMul", "", (), ("y",), {}, {} if scopes is None else {SCOPES: scopes})


@pytest.mark.parametrize(
    ("name", "scopes", "path"),
    [
        ("/layers.0/fc/MatMul", None, ("layers", "0", "fc")),
        ("/head/head.2/MatMul", None, ("head", "2")),
        ("/blocks/blocks.1/mlp/mlp.0/Gemm", None, ("blocks", "1", "mlp", "0")),
        ("/MatMul", None, ()),
        ("node_MatMul_3", "['', 'layers.0', 'layers.0.fc', 'linear_1']", ("layers", "0", "fc")),
        ("node_add", "['', 'add']", ()),
        ("stage1.bottleneck_2.0.conv2d", None, ("stage1", "bottleneck_2", "0")),
        ("MatMul_17", None, ()),
    ],
)
def test_the_path_of_a_module(name: str, scopes: str | None, path: tuple[str, ...]) -> None:
    assert module_path(node(name, scopes)) == path


def test_a_star_matches_one_name_of_a_path() -> None:
    path = ("encoder", "layers", "3", "mlp")
    assert matched(path, ["encoder.layers.*"]) == path[:3]
    assert matched(path, ["layers.*"]) is None
    assert matched(path, ["encoder.*.*.*.*"]) is None
    assert matched(path, ["enc*.layers.[0-4]"]) == path[:3]


def test_a_target_is_named_by_its_end() -> None:
    path = ("layers", "0", "attention", "q_proj")
    assert is_target(path, ["q_proj"])
    assert is_target(path, ["attention.q_proj", "v_proj"])
    assert is_target(path, ["layers.*.q_proj"])
    assert not is_target(path, ["proj", "attention"])
