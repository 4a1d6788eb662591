"""A finding about a budget stands where the budget is set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from onnx import TensorProto, helper, save

from .conftest import Archlint, Result

NET = """\
archlint: 1
name: net
inputs:
  x: [64, 1024]
layers:
  - Linear: {out_features: 1024}
    repeat: 4
target:
  batch-size: 64
"""
STRICT = """\
  optimizer: adam
  device: stm32f407
  require:
    training-memory: 1 MiB
    weights: 2 MiB
    step-flops: 1 MFLOP
"""


def _lines(result: Result) -> list[tuple[str, int]]:
    findings = json.loads(result.out)["findings"]
    return [(each["code"], each["line"]) for each in findings if each["severity"] != "info"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            STRICT,
            # flash and memory of the device, then each line of its own
            [("MEM001", 11), ("MEM003", 11), ("MEM001", 13), ("MEM003", 14), ("FLOP001", 15)],
        ),
        ("  require:\n    step-time: 1 ms\n", [("BUDGET001", 11)]),
    ],
)
def test_budget_findings_point_to_the_line_of_the_budget(
    archlint: Archlint, folder: Path, target: str, expected: list[tuple[str, int]]
) -> None:
    (folder / "net.arch.yaml").write_text(NET + target, encoding="utf-8")
    select = "MEM001,MEM003,FLOP001,BUDGET001"
    result = archlint("check", "net.arch.yaml", "--format", "json", "--select", select)
    assert _lines(result) == expected


def test_a_budget_from_elsewhere_stands_at_the_target(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(NET, encoding="utf-8")
    (folder / "archlint.toml").write_text('[require]\nweights = "2 MiB"\n', encoding="utf-8")
    assert _lines(archlint("check", "net.arch.yaml", "--format", "json")) == [("MEM003", 8)]


def test_a_budget_without_a_target_stands_at_the_start(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(NET.partition("target:")[0], encoding="utf-8")
    result = archlint("check", "net.arch.yaml", "--set", "require.weights=2 MiB")
    assert result.out.startswith("net.arch.yaml:1:1: error[MEM003]")
    assert "1 | archlint: 1\n  | ^^^^^^^^\n" in result.out


def test_a_name_without_a_match_is_reported_where_it_is_written(
    archlint: Archlint, folder: Path
) -> None:
    frozen = "  training:\n    optimizer: adam\n    frozen: [linaer]\n"
    (folder / "net.arch.yaml").write_text(NET + frozen, encoding="utf-8")
    result = archlint("check", "net.arch.yaml", "--format", "json", "--select", "LINT006")
    assert _lines(result) == [("LINT006", 12)]


def test_an_unknown_operator_is_one_finding_that_names_it(archlint: Archlint, folder: Path) -> None:
    nodes = [
        helper.make_node("Riddle", ["x"], ["h"], name="first", domain="acme"),
        helper.make_node("Relu", ["h"], ["y"], name="second"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [x], [y])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("acme", 1)]
    save(helper.make_model(graph, opset_imports=opsets), str(folder / "net.onnx"))
    needs = [f"--set=require.{word}" for word in ("step-flops=1 GFLOP", "inference-memory=1 GiB")]
    report = json.loads(archlint("check", "net.onnx", "--format=json", *needs).out)
    found = [each for each in report["findings"] if each["code"] == "BUDGET001"]
    told = {each["node"] for each in found}
    assert told == {"first"}
    assert [len(each["data"]["budgets"]) for each in found] == [2]
