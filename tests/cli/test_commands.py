"""The commands beside `check`."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import onnx
import pytest
from jsonschema import Draft202012Validator, validate

from dead_layer import DEAD

from .conftest import Archlint


def test_rules_are_listed_with_what_archlint_reports_itself(archlint: Archlint) -> None:
    result = archlint("rule")
    assert result.code == 0
    codes = [line.split()[0] for line in result.out.splitlines()[1:]]
    assert codes == sorted(codes)
    assert {"ARCH006", "FILE001", "LINT001", "YAML001"} <= set(codes)


@pytest.mark.parametrize("word", ["ARCH006", "arch006", "dead-code"])
def test_a_manual_is_printed_without_the_marks_of_its_tests(archlint: Archlint, word: str) -> None:
    result = archlint("rule", word)
    assert result.out.startswith("# ARCH006 dead-code\n")
    # What only the tests of the manual read is put in words.
    assert "```yaml\n" in result.out
    assert "```yaml fails" not in result.out
    assert "# expect:" not in result.out


@pytest.mark.parametrize(("word", "family"), [("RF", "RF"), ("rf00", "RF00")])
def test_a_prefix_lists_the_rules_of_a_family(archlint: Archlint, word: str, family: str) -> None:
    lines = archlint("rule", word).out.splitlines()
    assert lines[0].split() == ["code", "name", "severity", "finds"]
    assert len(lines) > 5
    assert all(line.startswith(family) for line in lines[1:])
    entries = json.loads(archlint("rule", word, "--format", "json").out)
    assert [entry["code"] for entry in entries] == [line.split()[0] for line in lines[1:]]


@pytest.mark.parametrize(
    ("word", "near"),
    [("arch006", "ARCH006"), ("rf", "RF"), ("dead-cod", "dead-code"), ("Dead-Code", "dead-code")],
)
def test_an_unknown_rule_comes_with_the_nearest(archlint: Archlint, word: str, near: str) -> None:
    for flag in ("--select", "--ignore", "--extend-select"):
        result = archlint("check", flag, word)
        assert (result.code, result.out) == (2, "")
        assert f"unknown rule {word!r}: did you mean {near!r}?" in result.err


def test_every_rule_has_a_summary_and_a_manual_in_json(archlint: Archlint) -> None:
    entries = json.loads(archlint("rule", "--format", "json").out)
    assert all(entry["summary"] and entry["manual"] for entry in entries)


def test_devices_are_listed_with_those_of_the_project(archlint: Archlint, folder: Path) -> None:
    (folder / "archlint.toml").write_text(
        '[devices.acme-board]\nkind = "mcu"\nmemory = "256 KiB"\nflash = "1 MiB"\n',
        encoding="utf-8",
    )
    result = archlint("devices")
    listed = result.out
    assert "nvidia-a100-40gb" in listed
    assert "acme-board" in listed
    grades = {line.split()[-1] for line in listed.splitlines()[1:]} - {"-"}
    assert grades == {"A", "B", "C"}
    assert all(f" {grade}: " in result.err for grade in grades)
    nvidia = archlint("devices", "nvidia-t4").out
    assert any(line.split()[:3] == ["sources", "A", "from"] for line in nvidia.splitlines())
    sheet = archlint("devices", "acme-board").out
    assert "256 KiB" in sheet
    assert "1 MiB" in sheet


def test_configuration_in_force(archlint: Archlint, folder: Path) -> None:
    (folder / "archlint.toml").write_text(
        'ignore = ["ARCH"]\n[training]\noptimizer = "sgd"\n', encoding="utf-8"
    )
    answer = json.loads(archlint("config", "--optimizer", "adam", "--batch-size", "8").out)
    assert answer["file"].endswith("archlint.toml")
    assert answer["target"]["training"]["optimizer"] == "adam"
    assert answer["target"]["batch-size"] == 8
    assert "ARCH006" not in answer["rules"]


def test_configuration_of_an_architecture_has_its_own_target(
    archlint: Archlint, folder: Path
) -> None:
    (folder / "archlint.toml").write_text('batch-size = 4\nprecision = "bf16"\n', encoding="utf-8")
    (folder / "net.arch.yaml").write_text(f"{DEAD}target: {{batch-size: 16}}\n", encoding="utf-8")
    target = json.loads(archlint("config", "net.arch.yaml").out)["target"]
    assert target["batch-size"] == 16
    assert target["training"]["precision"] == "bf16"


def test_configuration_of_yaml_for_another_program(archlint: Archlint, folder: Path) -> None:
    (folder / "archlint.toml").write_text("batch-size = 4\n", encoding="utf-8")
    (folder / "other.yaml").write_text("jobs: {}\n", encoding="utf-8")
    assert json.loads(archlint("config", "other.yaml").out)["target"]["batch-size"] == 4


def test_every_schema_is_one(archlint: Archlint) -> None:
    names = archlint("schema").out.split()
    assert {"report", "facts", "config"} <= set(names)
    for name in names:
        Draft202012Validator.check_schema(json.loads(archlint("schema", name).out))


def test_exported_model_has_the_same_finding(archlint: Archlint, folder: Path) -> None:
    assert archlint("export", "net.arch.yaml", "-o", "net.onnx").code == 0
    onnx.checker.check_model(onnx.load(folder / "net.onnx"), full_check=True)
    result = archlint("check", "net.onnx")
    assert result.out.startswith(
        "net.onnx: warning[ARCH006] dead-code: Conv dead reaches no output"
    )


def test_export_of_a_broken_architecture(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(DEAD.replace("Sigmoid", "Sigmiod"), encoding="utf-8")
    result = archlint("export", "net.arch.yaml", "-o", "net.onnx")
    assert result.code == 1
    assert "Sigmoid" in result.out
    assert not (folder / "net.onnx").exists()


def test_export_never_takes_the_place_of_its_source(archlint: Archlint, folder: Path) -> None:
    result = archlint("export", "net.arch.yaml", "-o", "./net.arch.yaml")
    assert result.code == 2
    assert "would overwrite its architecture" in result.err
    assert (folder / "net.arch.yaml").read_text(encoding="utf-8") == DEAD


def test_export_of_a_model_names_what_it_takes(archlint: Archlint, folder: Path) -> None:
    (folder / "net.onnx").write_bytes(b"")
    result = archlint("export", "net.onnx", "-o", "other.onnx")
    assert result.code == 2
    assert "not an architecture file" in result.err


def test_inspect_as_json_is_what_its_schema_says(archlint: Archlint) -> None:
    text = files("archlint_schemas").joinpath("facts.schema.json").read_text(encoding="utf-8")
    facts = json.loads(archlint("inspect", "net.arch.yaml", "--format", "json").out)
    validate(facts, json.loads(text), Draft202012Validator)
    assert facts["file"] == "net.arch.yaml"
    assert facts["parameters"]["count"] == (4 * 3 * 3 * 3 + 4) + (2 * 4 + 2)


def test_a_line_of_inspect_has_the_facts_of_a_layer(archlint: Archlint) -> None:
    lines = archlint("inspect", "net.arch.yaml").out.splitlines()
    (stem,) = [line for line in lines if line.startswith("stem")]
    assert "Conv" in stem
    assert "1 x 4 x 6 x 6" in stem
    assert "112" in stem
    assert "3.888 k" in stem
    assert "3 x 3" in stem
    assert stem.split()[-2:] == ["1", "0"]  # stride and padding


def test_inspect_a_broken_file(archlint: Archlint, folder: Path) -> None:
    (folder / "net.onnx").write_bytes(b"no model")
    result = archlint("inspect", "net.onnx")
    assert result.code == 1
    assert "error[FILE001] unreadable-file" in result.out


@pytest.mark.parametrize("word", ["net.arch.yaml", ".", "gone.onnx"])
def test_a_path_without_a_command_is_for_check(archlint: Archlint, word: str) -> None:
    result = archlint(word)
    assert (result.code, result.out) == (2, "")
    assert f"unknown command {word!r}: did you mean `archlint check {word}`?" in result.err
