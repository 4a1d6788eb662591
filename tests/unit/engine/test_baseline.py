"""A baseline covers what was there before, and only shrinks."""

from __future__ import annotations

import ntpath
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest

from archlint.engine.baseline import _relative, read_baseline, write_baseline
from archlint.errors import CannotRun
from dead_layer import DEAD

from .conftest import Check

TWICE = DEAD.replace("  - Sigmoid:", "  - Tanh:\n    name: dead2\n    from: stem\n  - Sigmoid:")


def test_recorded_findings_are_covered_where_lines_move(check: Check, dead: Path) -> None:
    baseline = dead.with_name("baseline.json")
    assert write_baseline(baseline, check(dead).recordable) == 1
    dead.write_text(f"# a new first line\n{DEAD}", encoding="utf-8")
    outcome = check(dead, baseline=read_baseline(baseline))
    assert outcome.findings == ()
    assert [item.finding.code for item in outcome.baseline] == ["ARCH006"]


def test_more_than_recorded_reports_all(check: Check, dead: Path) -> None:
    baseline = dead.with_name("baseline.json")
    write_baseline(baseline, check(dead).recordable)
    dead.write_text(TWICE, encoding="utf-8")
    outcome = check(dead, baseline=read_baseline(baseline))
    assert [item.finding.place.node for item in outcome.findings] == ["dead", "dead2"]


def test_fewer_than_recorded_is_a_finding(check: Check, dead: Path) -> None:
    baseline = dead.with_name("baseline.json")
    dead.write_text(TWICE, encoding="utf-8")
    write_baseline(baseline, check(dead).recordable)
    dead.write_text(DEAD, encoding="utf-8")
    (item,) = check(dead, baseline=read_baseline(baseline)).findings
    assert (item.finding.code, item.finding.data) == ("LINT003", {"recorded": 2, "found": 1})


def test_files_that_were_not_checked_are_not_stale(check: Check, dead: Path) -> None:
    baseline = dead.with_name("baseline.json")
    write_baseline(baseline, check(dead).recordable)
    other = dead.with_name("other.arch.yaml")
    other.write_text(DEAD.replace("from: stem", "from: dead"), encoding="utf-8")
    assert check(other, baseline=read_baseline(baseline)).findings == ()


def test_unreadable_files_are_never_recorded(check: Check, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    outcome = check(tmp_path)
    assert outcome.findings
    assert outcome.recordable == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "other/1", "findings": []}', "[" * 100_000]
)
def test_a_broken_baseline_ends_the_run(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CannotRun, match="not a baseline"):
        read_baseline(path)


@pytest.mark.parametrize(
    ("file", "recorded", "name"),
    [
        ("models/a.onnx", "known.json", "models/a.onnx"),
        (r"C:\models\a.onnx", r"C:\models\sub\known.json", "../a.onnx"),
        (r"D:\models\a.onnx", r"C:\known.json", "D:/models/a.onnx"),  # no way leads there
    ],
)
def test_names_of_windows_are_recorded_as_those_of_other_systems(
    monkeypatch: pytest.MonkeyPatch, file: str, recorded: str, name: str
) -> None:
    windows = SimpleNamespace(path=ntpath, sep="\\")
    monkeypatch.setattr("archlint.engine.baseline.os", windows)
    assert _relative(file, PureWindowsPath(recorded)) == name  # type: ignore[arg-type]  # its parent is all that counts
