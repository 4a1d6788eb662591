"""The program as it is started: versions, imports, pipes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from archlint import __version__
from archlint.cli import main
from archlint.cli.console import switch_on

from .conftest import Archlint

HEAVY = {"yaml", "pluggy", "jsonschema", "onnx", "numpy", "importlib.metadata"}

MODULES = """
import sys
from archlint.cli import main
code = main({arguments!r})
print("\\nMODULES", *sys.modules)
sys.exit(code)
"""


def modules(program: Archlint, *arguments: str) -> set[str]:
    result = program(code=MODULES.format(arguments=list(arguments)))
    return set(result.out.rpartition("MODULES")[2].split())


def test_the_version_is_one_line(program: Archlint) -> None:
    result = program("--version")
    assert (result.code, result.out, result.err) == (0, f"archlint {__version__}\n", "")


@pytest.mark.parametrize("arguments", [("--version",), ("-V",)])
def test_version_imports_next_to_nothing(program: Archlint, arguments: tuple[str, ...]) -> None:
    loaded = modules(program, *arguments)
    assert not HEAVY & loaded
    assert not {"argparse", "dataclasses", "json"} & loaded


@pytest.mark.parametrize("arguments", [("--help",), ("check", "--help"), ("chekc",), ("schema",)])
def test_help_and_usage_errors_import_nothing_heavy(
    program: Archlint, arguments: tuple[str, ...]
) -> None:
    assert not {"yaml", "pluggy", "jsonschema", "onnx", "numpy"} & modules(program, *arguments)


@pytest.mark.parametrize("arguments", [("rule",), ("devices",), ("plugins",), ("config",)])
def test_lists_need_no_model_libraries(program: Archlint, arguments: tuple[str, ...]) -> None:
    assert not {"yaml", "jsonschema", "onnx", "numpy"} & modules(program, *arguments)


def test_yaml_needs_no_json_schema(program: Archlint) -> None:
    assert "jsonschema" not in modules(program, "check", "net.arch.yaml")


def test_installed_command_is_the_module(program: Archlint) -> None:
    script = Path(sys.executable).with_name("archlint")
    done = subprocess.run(
        [script, "check", "--format", "json"], capture_output=True, text=True, check=False
    )
    result = program("check", "--format", "json")
    assert (done.returncode, done.stdout) == (result.code, result.out)


@pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise there")
def test_closed_pipe_is_quiet(program: Archlint, folder: Path) -> None:
    assert program("rule").code == 0
    with subprocess.Popen(
        [sys.executable, "-m", "archlint", "rule"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(os.name == "nt", reason="a shell closes the streams")
@pytest.mark.parametrize(("closed", "arguments"), [(1, "check"), (2, "check"), (2, "check gone")])
def test_stream_that_is_closed_from_the_start(folder: Path, closed: int, arguments: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m archlint {arguments} {closed}>&-', sys.executable],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == (2 if "gone" in arguments else 1)
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr


def test_text_that_the_terminal_cannot_show(folder: Path) -> None:
    path = folder / "net.arch.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("dead", "漢字"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "archlint", "check", "net.arch.yaml"],
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 1
    assert b"name: \\u6f22\\u5b57" in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_is_no_bug(program: Archlint, folder: Path) -> None:
    assert program("rule").code == 0
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "archlint", "rule"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=folder,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "archlint: error: standard output cannot be written: No space left on device\n"
    )


def test_lines_end_in_one_way_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text file of Windows would write CR LF."""
    written = io.BytesIO()
    for name in ("stdout", "stderr"):
        windows = io.TextIOWrapper(written, encoding="cp1252", newline="\r\n")
        monkeypatch.setattr(sys, name, windows)
    assert main(["rule", "RF"]) == 0
    assert b"\n" in written.getvalue()
    assert b"\r" not in written.getvalue()


class Kernel:
    """The part of Windows that keeps the mode of a console; 0 is its word for a failure."""

    def __init__(self, mode: int | None, *, new: bool) -> None:
        self.mode, self._new = mode, new
        self.windll = SimpleNamespace(kernel32=self)

    c_uint32 = SimpleNamespace

    @staticmethod
    def byref(value: SimpleNamespace) -> SimpleNamespace:
        return value

    def GetStdHandle(self, _: int) -> int:  # noqa: N802 - its name
        return 7

    def GetConsoleMode(self, _: int, mode: SimpleNamespace) -> int:  # noqa: N802
        mode.value = self.mode
        return int(self.mode is not None)

    def SetConsoleMode(self, _: int, mode: int) -> int:  # noqa: N802
        self.mode = mode if self._new else self.mode
        return int(self._new)


@pytest.mark.parametrize(
    ("kernel", "colors", "mode"),
    [
        (Kernel(3, new=True), True, 7),
        (Kernel(3, new=False), False, 3),  # before Windows 10
        (Kernel(None, new=True), True, None),  # a terminal of another program
    ],
)
def test_a_console_of_windows_is_told_to_show_colors(
    kernel: Kernel, colors: bool, mode: int | None
) -> None:
    assert switch_on(kernel) is colors
    assert kernel.mode == mode


INTERRUPTED = """
import sys
from archlint import cli
from archlint.engine import load

class Meant:
    def __set_name__(self, *_):
        raise KeyboardInterrupt

def interrupted(*_):
    class Made:
        it = Meant()

load._load_yaml = interrupted
sys.exit(cli.main(["check", "net.arch.yaml", "other.arch.yaml"]))
"""


def test_an_interrupt_ends_the_run_at_once_and_says_nothing(
    program: Archlint, folder: Path
) -> None:
    (folder / "other.arch.yaml").write_bytes((folder / "net.arch.yaml").read_bytes())
    result = program(code=INTERRUPTED)
    assert (result.code, result.out, result.err) == (130, "", "")


THREADS = """
import os, sys
sys.argv = ["archlint", "check", "net.arch.yaml"]
from archlint.cli import main
main()
print(len(os.listdir("/proc/self/task")), os.environ["OPENBLAS_NUM_THREADS"])
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks Linux for the threads")
def test_a_check_starts_no_threads_that_wait_for_products(
    program: Archlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert program(code=THREADS).out.splitlines()[-1] == "1 1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert program(code=THREADS).out.split()[-1] == "2"
