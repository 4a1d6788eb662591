"""Comments and metadata leave findings out, and nothing more than they say."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from archlint.config.selection import Selection
from archlint.engine.comment import comments as comments_of
from archlint.engine.suppression import suppress
from archlint.findings import Finding, Severity
from archlint.report.outcome import Reported
from archlint.sources.yaml_document import parse_yaml
from dead_layer import DEAD

from .conftest import Check

AT_THE_LAYER = DEAD.replace(
    "kernel_size: 1}", "kernel_size: 1}  # archlint: ignore[ARCH006] kept for later"
)
BEHIND_ITS_END = DEAD.replace("name: dead", "name: dead  # archlint: ignore[dead-code]")
ABOVE = DEAD.replace(
    "  - Conv2d: {out_channels: 2",
    "  # archlint: ignore[ARCH006] kept for later\n  - Conv2d: {out_channels: 2",
)
ABOVE_ALL = DEAD.replace("layers:", "# archlint: ignore[ARCH006]\nlayers:")
ABOVE_ANOTHER = DEAD.replace("  - Sigmoid:", "  # archlint: ignore[ARCH006]\n  - Sigmoid:")
WHOLE_FILE = DEAD + "# archlint: ignore-file[ARCH006, dead-code] a sketch\n"
IN_TEXT = DEAD.replace("name: net", 'name: "net # archlint: ignore-file[ARCH006]"')


def findings(outcome: object) -> list[tuple[str, int | None]]:
    return [
        (item.finding.code, item.span and item.span.start_line)
        for item in outcome.findings  # type: ignore[attr-defined]  # any outcome
    ]


@pytest.mark.parametrize("text", [AT_THE_LAYER, BEHIND_ITS_END, ABOVE, ABOVE_ALL, WHOLE_FILE])
def test_a_comment_suppresses_the_finding(check: Check, dead: Path, text: str) -> None:
    dead.write_text(text, encoding="utf-8")
    outcome = check(dead)
    assert findings(outcome) == []
    assert [item.finding.code for item in outcome.suppressed] == ["ARCH006"]


def test_comment_above_another_layer_does_not_reach(check: Check, dead: Path) -> None:
    dead.write_text(ABOVE_ANOTHER, encoding="utf-8")
    assert findings(check(dead)) == [("ARCH006", 8), ("LINT001", 10)]


def test_comment_inside_a_text_is_no_comment(check: Check, dead: Path) -> None:
    dead.write_text(IN_TEXT, encoding="utf-8")
    assert findings(check(dead)) == [("ARCH006", 8)]


@pytest.mark.parametrize(
    ("comment", "code", "says"),
    [
        ("ignore[FILE001]", "LINT001", "FILE001 suppresses nothing"),
        ("ignore[dead-cod]", "LINT002", "did you mean 'dead-code'"),
        ("ignore", "LINT002", "names no rule"),
        ("ignore[]", "LINT002", "names no rule"),
        ("ignore-fiel[ARCH006]", "LINT002", "'ignore-fiel' is not a suppression"),
        ("disable", "LINT002", "'disable' is not a suppression"),
        ("skip[ARCH006]", "LINT002", "'skip' is not a suppression"),
    ],
)
def test_a_wrong_suppression_is_a_finding_and_suppresses_nothing(
    check: Check, dead: Path, comment: str, code: str, says: str
) -> None:
    dead.write_text(f"# archlint: {comment} reason\n{DEAD}", encoding="utf-8")
    found = check(dead).findings
    assert [item.finding.code for item in found] == [code, "ARCH006"]
    assert says in found[0].finding.message


def test_suppression_of_a_rule_that_did_not_run_is_not_unused(check: Check, dead: Path) -> None:
    dead.write_text(AT_THE_LAYER, encoding="utf-8")
    assert findings(check(dead, selection=Selection(ignore=("ARCH006",)))) == []


def test_metadata_of_an_onnx_node(check: Check, tmp_path: Path) -> None:
    dead = [helper.make_node("Relu", ["x"], [f"r{i}"], name=f"dead{i}") for i in range(2)]
    dead[0].metadata_props.add(key="archlint.ignore", value="ARCH006")
    out = helper.make_node("Neg", ["x"], ["y"], name="out")
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    graph = helper.make_graph([*dead, out], "g", info[:1], info[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "m.onnx"
    )
    outcome = check(tmp_path / "m.onnx")
    assert [item.finding.place.node for item in outcome.findings] == ["dead1"]
    assert [item.finding.place.node for item in outcome.suppressed] == ["dead0"]


NESTED = """\
archlint: 1
inputs:
  x: [8, 64]
layers:
  - Linear: {out_features: 64}%s
    from: [x]
    init: {normal: {std: 0.5}}
    name: first
  - ReLU
  - Sequential:%s
      - Linear:
          out_features: 64
        init: {normal: {std: 0.5}}
      - ReLU
target:%s
  require:
    weights: 1 KiB
"""
IGNORE = "  # archlint: ignore[HOUSE001]"


@pytest.mark.parametrize(
    ("comments", "left"),
    [
        (("", "", ""), [5, 6, 7, 11, 13, 17]),
        ((IGNORE, "", ""), [11, 13, 17]),  # the layer's own keys
        (("", IGNORE, ""), [5, 6, 7, 11, 13, 17]),  # a group is not its layers
        (("", "", IGNORE), [5, 6, 7, 11, 13]),
    ],
)
def test_comment_where_something_opens_covers_its_own_keys(
    comments: tuple[str, str, str], left: list[int]
) -> None:
    document = parse_yaml((NESTED % comments).encode())
    layers, inner = ("layers", 0), ("layers", 2, "Sequential", 0)
    weights = ("target", "require", "weights")
    paths = [layers, (*layers, "from"), (*layers, "init"), inner, (*inner, "init"), weights]
    items = [
        Reported("net.arch.yaml", Finding("HOUSE001", "house", Severity.INFO, "x"), span)
        for span in map(document.locate, paths)
    ]
    kept = suppress(items, comments_of(document), [], frozenset()).kept
    assert [item.span.start_line for item in kept if item.span] == left
