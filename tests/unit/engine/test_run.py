"""A run goes on where a file or a rule fails, and its report is in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from archlint.api import Finding, Model, Rule, Severity
from archlint.config.selection import Selection
from archlint.errors import CannotRun
from archlint.report.outcome import Status
from dead_layer import DEAD

from .conftest import Check


class Crashing(Rule):
    """It has a bug."""

    code, name = "BAD001", "crashing"

    def check(self, model: Model) -> Iterator[Finding]:  # noqa: ARG002 - looks at nothing
        yield self.finding("before the crash")
        raise KeyError("oops")


class Off(Rule):
    """It is off unless asked for."""

    code, name, enabled = "OFF001", "off-by-default", False

    def check(self, model: Model) -> Iterator[Finding]:  # noqa: ARG002 - looks at nothing
        yield self.finding("it ran", severity=Severity.INFO)


class Interrupted(Rule):
    """The user ends the program while a class is being made, which Python 3.11 wraps."""

    code, name = "BAD002", "interrupted"

    def check(self, model: Model) -> Iterator[Finding]:  # noqa: ARG002 - looks at nothing
        yield self.finding("before the interrupt")
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()


def codes(outcome: object) -> list[str]:
    return [item.finding.code for item in outcome.findings]  # type: ignore[attr-defined]  # any outcome


def test_finding_stands_in_its_layer(check: Check, dead: Path) -> None:
    (item,) = check(dead).findings
    assert (item.finding.code, item.finding.place.node) == ("ARCH006", "dead")
    assert item.span is not None
    assert (item.span.start_line, item.span.end_line) == (8, 9)


def test_the_user_ends_a_run_whatever_the_error_looks_like(check: Check, dead: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        check(dead, rules=(Interrupted, Crashing))


def test_crashing_rule_is_reported_and_others_go_on(check: Check, dead: Path) -> None:
    from archlint_rules.structure.dead_code import DeadCode

    outcome = check(dead, rules=(Crashing, DeadCode))
    assert codes(outcome) == ["LINT004", "ARCH006"]
    (crash,) = outcome.crashes
    assert "BAD001" in crash.where
    assert "KeyError" in crash.exception
    assert "oops" in crash.traceback
    assert outcome.exit_code(Severity.ERROR) == 2


def test_unreadable_file_is_a_finding_and_others_go_on(check: Check, dead: Path) -> None:
    broken = dead.with_name("broken.onnx")
    broken.write_bytes(b"\x08\x07\xff\xff not a model")
    outcome = check(dead, broken)
    assert [(file.path.rpartition("/")[2], file.status) for file in outcome.files] == [
        ("broken.onnx", Status.UNREADABLE),
        ("net.arch.yaml", Status.CHECKED),
    ]
    assert codes(outcome) == ["FILE001", "ARCH006"]
    assert outcome.exit_code(Severity.ERROR) == 1


def test_yaml_of_other_programs_is_skipped(check: Check, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n", encoding="utf-8")
    outcome = check(tmp_path)
    assert [file.status for file in outcome.files] == [Status.SKIPPED]
    assert outcome.exit_code(Severity.WARNING) == 0


def test_architecture_by_its_name_alone_must_be_one(check: Check, tmp_path: Path) -> None:
    (tmp_path / "net.arch.yaml").write_text("layers: []\n", encoding="utf-8")
    outcome = check(tmp_path)
    assert [file.status for file in outcome.files] == [Status.UNREADABLE]
    assert outcome.exit_code(Severity.WARNING) == 1


def test_wrong_target_in_a_file_is_a_finding_there(check: Check, dead: Path) -> None:
    dead.write_text(DEAD + "target:\n  training: {optimizer: adamm}\n", encoding="utf-8")
    (item,) = check(dead).findings
    assert item.finding.code == "YAML002"
    assert "adam" in item.finding.message
    assert item.span is not None
    assert item.span.start_line == 15


def test_disabled_rule_runs_when_selected_by_its_code(check: Check, dead: Path) -> None:
    assert codes(check(dead, rules=(Off,))) == []
    assert codes(check(dead, rules=(Off,), selection=Selection(select=("OFF",)))) == []
    assert codes(check(dead, rules=(Off,), selection=Selection(select=("OFF001",)))) == ["OFF001"]


def test_unknown_rule_in_a_selection(check: Check, dead: Path) -> None:
    with pytest.raises(CannotRun, match="unknown rule 'dead-cod': did you mean 'dead-code'"):
        check(dead, selection=Selection(ignore=("dead-cod",)))


def test_onnx_finding_names_the_node_and_its_shapes(check: Check, tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["r"], name="dead")
    out = helper.make_node("Neg", ["x"], ["y"], name="out")
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    graph = helper.make_graph([node, out], "g", info[:1], info[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    (item,) = check(path).findings
    assert item.span is None
    assert item.subject == "Relu dead: x float32[2, 3] -> r float32[2, 3]"


def test_info_never_fails_a_run(check: Check, dead: Path) -> None:
    outcome = check(dead, rules=(Off,), selection=Selection(select=("OFF001",)))
    assert outcome.count(Severity.INFO) == 1
    assert outcome.exit_code(Severity.WARNING) == 0


def test_exit_code_depends_on_the_threshold(check: Check, dead: Path) -> None:
    outcome = check(dead)
    assert outcome.exit_code(Severity.WARNING) == 1
    assert outcome.exit_code(Severity.ERROR) == 0
