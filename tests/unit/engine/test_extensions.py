"""Plugins add formats to read and formats to write, not only rules."""

from __future__ import annotations

from pathlib import Path

from onnx import ModelProto, TensorProto, helper

from archlint.api import Frontend, Outcome, Reporter, unreadable
from archlint.config.config import Config
from archlint.engine.configs import Configs
from archlint.engine.discover import discover
from archlint.engine.project import Project
from archlint.engine.run import run
from archlint.registry import Registry
from archlint.report.formats import find_reporter
from archlint.report.outcome import Status
from archlint_rules.structure.dead_code import DeadCode


class Words:
    """A toy format: a file holds the names of operators, one after another."""

    name = "words"
    suffixes = (".words",)

    def load(self, path: Path) -> ModelProto:
        names = path.read_text(encoding="utf-8").split()
        if not names:
            raise unreadable("there are no words in it")
        nodes = [
            helper.make_node(op, [f"t{index}"], [f"t{index + 1}"], name=f"n{index}")
            for index, op in enumerate(names)
        ]
        dead = helper.make_node("Neg", ["t0"], ["unused"], name="dead")
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
            for name in ("t0", f"t{len(names)}")
        ]
        graph = helper.make_graph([*nodes, dead], "words", ends[:1], ends[1:])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


class Count:
    """A toy report: the number of findings."""

    name = "count"

    def render(self, outcome: Outcome, *, color: bool) -> str:
        return f"{len(outcome.findings)}{color}\n"


def test_further_formats_of_files(tmp_path: Path) -> None:
    assert isinstance(Words(), Frontend)
    (tmp_path / "a.words").write_text("Relu Abs", encoding="utf-8")
    (tmp_path / "b.words").write_text("", encoding="utf-8")
    project = Project(Registry(rules=(DeadCode(),), frontends=(Words(),)), Configs(Config()))
    outcome = run(discover([tmp_path], (".words",)), project, None)
    assert [item.finding.code for item in outcome.findings] == ["ARCH006", "FILE001"]
    assert [file.status for file in outcome.files] == [Status.CHECKED, Status.UNREADABLE]


def test_further_formats_of_reports() -> None:
    assert isinstance(Count(), Reporter)
    assert find_reporter("count", [Count()]).render(Outcome((), ()), color=False) == "0False\n"
