"""`archlint check`: exit codes, streams, formats, selections, baselines, configuration."""

from __future__ import annotations

import json
import os
from errno import EACCES
from pathlib import Path

import pytest
from jsonschema import validate

from dead_layer import DEAD

from .conftest import Archlint

CLEAN = DEAD.replace("from: stem", "from: dead").replace("kernel_size: 1", "kernel_size: 3")


def test_findings_go_to_standard_output_and_counts_to_standard_error(archlint: Archlint) -> None:
    result = archlint("check", "net.arch.yaml")
    assert result.code == 1
    assert result.out.startswith("net.arch.yaml:8:5: warning[ARCH006] dead-code: ")
    assert result.err == "archlint: found 1 warning in 1 file\n"


def test_clean_file_says_nothing(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(CLEAN, encoding="utf-8")
    result = archlint("check", "net.arch.yaml", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_nothing_to_check_is_no_failure(archlint: Archlint, folder: Path) -> None:
    (folder / "empty").mkdir()
    result = archlint("check", "empty")
    assert (result.code, result.out) == (0, "")
    assert "no file to check" in result.err


def test_named_file_of_another_program_is_skipped_aloud(archlint: Archlint, folder: Path) -> None:
    (folder / "other.yaml").write_text("jobs: {}\n", encoding="utf-8")
    result = archlint("check", "other.yaml")
    assert (result.code, result.out) == (0, "")
    assert (
        "no file to check: other.yaml is not an architecture file: its top level has no"
        in result.err
    )
    assert (
        "skipped other.yaml: not an architecture file" in archlint("check", "other.yaml", "-v").err
    )
    (folder / "more.yaml").write_text("jobs: {}\n", encoding="utf-8")
    result = archlint("check", "other.yaml", "more.yaml")
    assert "no file to check (2 skipped: --verbose says why)" in result.err


def test_weights_beside_their_model_are_no_model(archlint: Archlint, folder: Path) -> None:
    """A shell makes both of `models/*`."""
    (folder / "net.arch.yaml").write_text(CLEAN, encoding="utf-8")
    assert archlint("export", "net.arch.yaml", "-o", "net.onnx").code == 0
    (folder / "net.onnx.data").write_bytes(bytes(range(256)))
    result = archlint("check", "net.onnx", "net.onnx.data", "-v")
    assert (result.code, result.out) == (0, "")
    assert "archlint: skipped net.onnx.data: the weights of net.onnx" in result.err
    assert archlint("check", "net.onnx.data").err == (
        "archlint: no file to check: net.onnx.data is the weights of net.onnx\n"
    )
    (folder / "net.onnx").unlink()
    assert archlint("check", "net.onnx.data").code == 1


def test_files_may_stand_on_both_sides_of_options(archlint: Archlint, folder: Path) -> None:
    for name in ("first", "second", "third"):
        (folder / f"{name}.onnx").write_text("text", encoding="utf-8")
    result = archlint("check", "first.onnx", "--no-config", "second.onnx", "-v", "third.onnx")
    assert [line.split(":")[0] for line in result.out.splitlines() if "FILE001" in line] == [
        "first.onnx",
        "second.onnx",
        "third.onnx",
    ]
    assert "unknown argument extra" in archlint("rule", "RF001", "--verbose", "extra").err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("chekc",), "did you mean 'check'"),
        (("check", "--devise", "x"), "did you mean '--device'"),
        (("check", "--weights", "x"), "unknown argument --weights: write --set weights=..."),
        (("check", "--loss=mse", "x"), "unknown argument --loss: write --set training.loss=..."),
        (("check", "gone.onnx"), "gone.onnx: no such file or folder"),
        (("check", "--select", "ARCH06"), "did you mean 'ARCH006'"),
        (("check", "--format", "jason"), "did you mean 'json'"),
        (("check", "--device", "nvidia-a100-40g"), "did you mean 'nvidia-a100-40gb'"),
        (("check", "--set", "training.optimiser=adam"), "did you mean 'training.optimizer'"),
        (("check", "--batch-size", "many"), "batch-size"),
        (("check", "--set", "betas=[0.9]"), "training.betas: expected a list of 2, not of 1"),
        (("check", "--select", ""), "--select names no rule"),
        (("check", ""), "a path is empty"),
        (("check", "--dim", "N"), "NAME=N"),
        (("check", "--config", "gone.toml"), "gone.toml"),
        (("check", "--fail-on", "info"), "unknown --fail-on 'info' (known: warning, error)"),
        (("check", "--verbose", "--quiet"), "not allowed with"),
        (("--verbose", "check"), "unknown argument --verbose: it goes after the command"),
        (("inspect",), "the following arguments are required: FILE"),
        (("inspect", "."), "name one file"),
        (("config", "gone.onnx"), "gone.onnx: no such file or folder"),
        (("rule", "RF999"), "unknown rule"),
        (("schema", "reprot"), "did you mean 'report'"),
        ((), "usage: archlint"),
    ],
)
def test_usage_errors_end_with_2_and_help(
    archlint: Archlint, arguments: tuple[str, ...], says: str
) -> None:
    result = archlint(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert says in result.err
    assert "Traceback" not in result.err


def test_fail_on_error_lets_warnings_pass(archlint: Archlint) -> None:
    result = archlint("check", "--fail-on", "error")
    assert result.code == 0
    assert "ARCH006" in result.out


def test_unreadable_file_is_a_finding(archlint: Archlint, folder: Path) -> None:
    (folder / "broken.arch.yaml").write_text("archlint: 1\nlayers: [", encoding="utf-8")
    result = archlint("check", "broken.arch.yaml")
    assert result.code == 1
    assert result.out.startswith("broken.arch.yaml:")
    assert "error[YAML001] invalid-yaml" in result.out


def test_a_json_report_follows_its_schema(archlint: Archlint) -> None:
    schema = json.loads(archlint("schema", "report").out)
    result = archlint("check", "--format", "json")
    report = json.loads(result.out)
    validate(report, schema)
    assert result.code == 1
    assert report["findings"][0]["path"] == "net.arch.yaml"
    assert report["files"] == [{"path": "net.arch.yaml", "status": "checked", "reason": None}]


def test_a_report_goes_to_a_file(archlint: Archlint, folder: Path) -> None:
    result = archlint("check", "--format", "json", "--output", "report.json")
    assert (result.code, result.out) == (1, "")
    assert (
        json.loads((folder / "report.json").read_text(encoding="utf-8"))["summary"]["warning"] == 1
    )


def test_colour_only_where_it_is_wanted(
    archlint: Archlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[" not in archlint("check").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in archlint("check").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in archlint("check").out


def test_ignored_rules_do_not_run_unless_selected(archlint: Archlint) -> None:
    assert archlint("check", "--ignore", "ARCH").code == 0
    assert archlint("check", "--ignore", "ARCH", "--select", "dead-code").code == 1
    assert archlint("check", "--select", "YAML,FILE").code == 0


def test_what_a_baseline_records_fails_no_run(archlint: Archlint, folder: Path) -> None:
    written = archlint("check", "--write-baseline", "known.json")
    assert (written.code, written.err) == (0, "archlint: recorded 1 finding in known.json\n")
    result = archlint("check", "--baseline", "known.json")
    assert (result.code, result.out) == (0, "")
    assert "1 in the baseline" in result.err
    (folder / "archlint.toml").write_text('baseline = "known.json"\n', encoding="utf-8")
    assert archlint("check").code == 0
    assert archlint("check", "--no-config").code == 1


def test_what_no_baseline_covers_is_told_when_it_is_written(
    archlint: Archlint, folder: Path
) -> None:
    (folder / "empty.onnx").touch()
    written = archlint("check", "--write-baseline", "known.json")
    told = "recorded 1 finding in known.json; FILE001 cannot be, and fails again"
    assert (written.code, written.err) == (0, f"archlint: {told}\n")
    result = archlint("check", "--baseline", "known.json", "--format", "short")
    assert result.code == 1
    assert [line.split(":")[0] for line in result.out.splitlines()] == ["empty.onnx"]


def test_nearest_configuration_counts(archlint: Archlint, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "net.arch.yaml").write_text(DEAD, encoding="utf-8")
    (folder / "sub" / "archlint.toml").write_text('ignore = ["ARCH006"]\n', encoding="utf-8")
    report = json.loads(archlint("check", "--format", "json").out)
    assert [finding["path"] for finding in report["findings"]] == ["net.arch.yaml"]


def test_unknown_setting_names_its_line(archlint: Archlint, folder: Path) -> None:
    (folder / "archlint.toml").write_text('\nselekt = ["RF"]\n', encoding="utf-8")
    result = archlint("check")
    assert result.code == 2
    assert "archlint.toml:2" in result.err
    assert "did you mean 'select'" in result.err


def test_unknown_rule_in_the_configuration(archlint: Archlint, folder: Path) -> None:
    (folder / "archlint.toml").write_text('ignore = ["ARCH06"]\n', encoding="utf-8")
    result = archlint("check")
    assert result.code == 2
    assert "archlint.toml: unknown rule 'ARCH06': did you mean 'ARCH006'" in result.err


def test_excluded_files_are_checked_where_they_are_named(archlint: Archlint, folder: Path) -> None:
    (folder / "archlint.toml").write_text('exclude = ["*.arch.yaml"]\n', encoding="utf-8")
    assert archlint("check").code == 0
    assert archlint("check", "net.arch.yaml").code == 1
    assert archlint("check", "net.arch.yaml", "--force-exclude").code == 0


def test_a_local_plugin_adds_its_rule(archlint: Archlint, folder: Path) -> None:
    example = Path(__file__).parents[1] / "example_plugin" / "archlint_acme.py"
    (folder / "acme.py").write_bytes(example.read_bytes())
    (folder / "archlint.toml").write_text('plugins = ["acme.py"]\n', encoding="utf-8")
    result = archlint("check")
    assert "warning[ACME001] no-sigmoid: head is a sigmoid" in result.out
    assert "acme.py" in archlint("plugins").out


def test_plugin_of_a_folder_further_down_is_not_silently_left_out(
    archlint: Archlint, folder: Path
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "net.arch.yaml").write_text(DEAD, encoding="utf-8")
    (folder / "sub" / "archlint.toml").write_text('plugins = ["acme.py"]\n', encoding="utf-8")
    result = archlint("check")
    assert result.code == 2
    assert "acme.py" in result.err


def test_a_rule_that_crashes_ends_the_run_with_2(archlint: Archlint, folder: Path) -> None:
    (folder / "bad.py").write_text(
        "from archlint.api import Rule, hookimpl\n"
        "class Bad(Rule):\n"
        '    """It has a bug."""\n'
        '    code, name = "BAD001", "bad"\n'
        "    def check(self, model):\n"
        "        return [1 / 0]\n"
        "@hookimpl\n"
        "def archlint_rules():\n"
        "    return [Bad]\n",
        encoding="utf-8",
    )
    (folder / "archlint.toml").write_text('plugins = ["bad.py"]\n', encoding="utf-8")
    result = archlint("check")
    assert result.code == 2
    assert "error[LINT004] internal-error: rule BAD001 failed: ZeroDivisionError" in result.out
    assert "ARCH006" in result.out
    assert "Traceback" not in result.err
    assert "Traceback" in archlint("check", "--verbose").err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.onnx", b""),
        ("text.onnx", b"version https://git-lfs.github.com/spec/v1\n"),
        ("zip.onnx", b"PK\x03\x04" + bytes(100)),
        ("cut.onnx", b"\x08\x0a\x3a\xff\x01"),
        ("bytes.arch.yaml", b"\xff\xfe\x00\x01"),
        ("deep.arch.yaml", b"archlint: 1\nx: " + b"[" * 50_000),
        ("empty.arch.yaml", b""),
        ("list.arch.yaml", b"- archlint: 1\n"),
        ("nothing.arch.yaml", b"archlint: 1\n"),
        ("escape.arch.yaml", b'archlint: 1\nname: "\\e[31m"\nlayers: ["\\e[31m"]\n'),
        ("folder.onnx/file.onnx", b"x"),
    ],
)
def test_broken_file_is_a_finding_without_a_traceback(
    archlint: Archlint, folder: Path, name: str, content: bytes
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    result = archlint("check", name)
    assert result.code == 1, result
    assert result.out.startswith(name)
    assert "Traceback" not in result.err
    assert "\x1b" not in result.out


def test_file_that_cannot_be_read(archlint: Archlint, folder: Path) -> None:
    (folder / "loop.onnx").symlink_to("loop.onnx")
    (folder / "loop.arch.yaml").symlink_to("loop.arch.yaml")
    result = archlint("check", "loop.onnx", "loop.arch.yaml")
    assert result.code == 1
    assert result.out.count("error[FILE001] unreadable-file") == 2


def test_size_for_a_dimension_that_is_not_there(archlint: Archlint, folder: Path) -> None:
    text = CLEAN.replace("[1, 3, 8, 8]", "[batch, 3, 8, 8]")
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    assert "LINT005" not in archlint("check", "--dim", "batch=4").out
    result = archlint("check", "--dim", "bacth=4")
    assert "no input has a dimension 'bacth': did you mean 'batch'?" in result.out
    assert result.code == 0


def test_size_that_the_file_itself_states_wrongly_fails(archlint: Archlint, folder: Path) -> None:
    text = CLEAN.replace("[1, 3, 8, 8]", "[batch, 3, 8, 8]") + "target:\n  dims: {bacth: 4}\n"
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    result = archlint("check", "net.arch.yaml")
    assert result.code == 1
    assert result.out.startswith("net.arch.yaml:15:17: warning[LINT005]")
    assert "help: open dimensions: batch" in result.out


def test_people_see_hints_when_they_ask_and_programs_always(
    archlint: Archlint, folder: Path
) -> None:
    """That a stride leaves a remainder is a hint."""
    (folder / "net.arch.yaml").write_text(
        "archlint: 1\ninputs: {x: [1, 3, 9, 9]}\n"
        "layers:\n  - Conv2d: {out_channels: 4, kernel_size: 2, stride: 2}\n",
        encoding="utf-8",
    )
    told = {
        (form, flags): "leaves a remainder of" in archlint("check", "--format", form, *flags).out
        for form in ("text", "short", "github", "json", "sarif")
        for flags in ((), ("-v",), ("--select", "RF004"))
    }
    assert told == {(form, flags): bool(flags) or form in {"json", "sarif"} for form, flags in told}


def test_module_that_is_not_there(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(CLEAN, encoding="utf-8")
    for setting, value in (("checkpointing", "layres.*"), ("frozen", "backbone.*")):
        result = archlint("check", "net.arch.yaml", "--set", f"{setting}={value}")
        assert f"LINT006] unknown-module: training.{setting} names {value}, which" in result.out
        assert result.code == 1
    result = archlint("check", "net.arch.yaml", "--set", "checkpointing=1")
    assert "training.checkpointing = 1 counts blocks, but no module is repeated" in result.out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
@pytest.mark.parametrize("name", ["pipe.onnx", "pipe.arch.yaml"])
def test_pipe_is_not_waited_for(archlint: Archlint, folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    result = archlint("check", name)
    assert result.code == 1
    assert "not a regular file" in result.out


def test_hints_are_shown_to_those_who_ask(folder: Path, archlint: Archlint) -> None:
    (folder / "net.arch.yaml").write_text(
        "archlint: 1\nname: net\ninputs: {x: [1, 3, 224, 224]}\n"
        "layers:\n  - Conv2d: {out_channels: 8, kernel_size: 7, stride: 2, padding: 3}\n",
        encoding="utf-8",
    )
    quiet = archlint("check")
    assert quiet.code == 0
    assert not quiet.out
    assert "1 info in 1 file; -v shows info" in quiet.err
    for more in (("-v",), ("--select", "RF004"), ("--format", "json")):
        assert "RF004" in archlint("check", *more).out


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
@pytest.mark.skipif(os.name != "nt" and os.getuid() == 0, reason="root may enter every folder")
@pytest.mark.parametrize("command", ["check", "inspect", "config"])
def test_folder_that_may_not_be_entered_is_no_bug(
    archlint: Archlint, folder: Path, command: str
) -> None:
    closed = folder / "closed"
    closed.mkdir()
    closed.chmod(0)
    result = archlint(command, "closed/net.arch.yaml")
    closed.chmod(0o700)
    assert result.code == 2
    assert result.err == "archlint: error: closed/net.arch.yaml: Permission denied\n"


@pytest.mark.usefixtures("folder")
def test_refusal_to_enter_a_folder_names_it(
    archlint: Archlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    result = archlint("check", "net.arch.yaml")
    assert (result.code, result.err) == (2, "archlint: error: .: Permission denied\n")


def test_hints_that_are_shown_are_not_offered(archlint: Archlint, folder: Path) -> None:
    (folder / "net.arch.yaml").write_text(CLEAN, encoding="utf-8")
    result = archlint("check", "--dim", "X=4")
    assert "info[LINT005]" in result.out
    assert result.err == "archlint: found 1 info in 1 file\n"
