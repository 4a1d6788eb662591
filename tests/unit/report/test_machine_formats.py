"""The reports for programs: the JSON contract, GitHub's commands, SARIF."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from archlint.errors import CannotRun
from archlint.findings import Finding, Severity
from archlint.report.formats import BUILT_IN, find_reporter
from archlint.report.outcome import Outcome, Reported


def parsed(name: str, outcome: Outcome) -> Any:
    return json.loads(find_reporter(name).render(outcome, color=True))


def validator(name: str) -> Draft202012Validator:
    text = files("archlint_schemas").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_json_is_what_its_schema_says(outcome: Outcome) -> None:
    validator("report").validate(parsed("json", outcome))


def test_json_has_the_fields_of_the_contract(outcome: Outcome) -> None:
    report = parsed("json", outcome)
    assert report["schema"] == "archlint-report/1"
    assert report["summary"] == {
        "error": 1,
        "warning": 1,
        "info": 1,
        "suppressed": 1,
        "baseline": 1,
    }
    first, second, _ = report["findings"]
    assert (first["line"], first["column"], first["end_line"], first["end_column"]) == (None,) * 4
    assert (first["node"], first["tensor"]) == ("conv", "y")
    assert first["data"] == {"size": 3, "ratio": "inf", "axes": [2, 3]}
    assert (second["line"], second["column"], second["end_column"]) == (3, 4, 17)
    assert second["fix"]["edits"][0]["text"] == "0.05"
    assert report["files"][2] == {
        "path": "c.yaml",
        "status": "skipped",
        "reason": "no architecture",
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda report: report.pop("version"),
        lambda report: report.update(schema="archlint-report/2"),
        lambda report: report["findings"][0].update(line=0),
        lambda report: report["findings"][0].update(severity="fatal"),
        lambda report: report["files"][0].pop("reason"),
        lambda report: report["summary"].update(error=-1),
    ],
)
def test_schema_refuses_other_reports(outcome: Outcome, change: Any) -> None:
    report = parsed("json", outcome)
    change(report)
    assert not validator("report").is_valid(report)


def test_json_takes_numbers_of_numpy() -> None:
    data = {"std": np.float32(0.5), "shape": np.array([1, 2]), 3: {1}}
    finding = Finding("A001", "a", Severity.INFO, "m", data=data)  # type: ignore[arg-type]  # a careless rule
    report = parsed("json", Outcome((Reported("a", finding),), ()))
    assert report["findings"][0]["data"] == {"std": 0.5, "shape": [1, 2], "3": [1]}


def test_github_commands_are_one_line_each(outcome: Outcome) -> None:
    lines = find_reporter("github").render(outcome, color=True).splitlines()
    assert lines[0].startswith("::error title=RF001 receptive-field-too-small,file=a.onnx::")
    assert lines[0].endswith("-> y float32[1, 8]%0Ahelp: add layers")
    assert lines[1].startswith(
        "::warning title=INIT001 sigma-relu,file=b.arch.yaml,line=3,col=4,endLine=3,endColumn=17::"
    )
    assert lines[2].startswith("::notice ")
    assert "%0Awith lines" in lines[2]
    assert len(lines) == 3


def test_sarif_marks_what_is_suppressed(outcome: Outcome) -> None:
    (run,) = parsed("sarif", outcome)["runs"]
    kinds = [result.get("suppressions", [{}])[0].get("kind") for result in run["results"]]
    assert kinds == [None, None, None, "inSource", "external"]
    assert [result["level"] for result in run["results"][:3]] == ["error", "warning", "note"]
    node = run["results"][0]["locations"][0]["logicalLocations"][0]["name"]
    assert node == "conv"


def test_sarif_fingerprint_survives_moved_lines_and_other_numbers(outcome: Outcome) -> None:
    def prints(change: Reported) -> str:
        (run,) = parsed("sarif", Outcome((change,), ()))["runs"]
        return str(run["results"][0]["partialFingerprints"]["archlint/v1"])

    item = outcome.findings[1]
    other = Finding("INIT001", "sigma-relu", Severity.WARNING, "sigma is 0.2")
    third = Finding("INIT001", "sigma-relu", Severity.WARNING, "bias is 0.2")
    assert prints(item) == prints(Reported(item.path, other))
    assert prints(item) != prints(Reported(item.path, third))
    assert prints(item) != prints(Reported("c.arch.yaml", other))


@pytest.mark.parametrize("name", BUILT_IN)
def test_same_outcome_same_bytes(outcome: Outcome, name: str) -> None:
    reporter = find_reporter(name)
    assert reporter.name in {name, "text"}
    assert reporter.render(outcome, color=False) == reporter.render(outcome, color=False)


def test_an_unknown_format_is_told_with_the_nearest() -> None:
    with pytest.raises(CannotRun, match="unknown format 'jsno': did you mean 'json'"):
        find_reporter("jsno")
