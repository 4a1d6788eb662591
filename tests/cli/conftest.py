"""The command line as a program of its own, and in this process where that is enough."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from archlint.cli import main
from dead_layer import DEAD


@dataclass(frozen=True)
class Result:
    """What a command gave back."""

    code: int
    out: str
    err: str


Archlint = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one architecture that has a finding in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "net.arch.yaml").write_text(DEAD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def archlint(folder: Path, capsys: pytest.CaptureFixture[str]) -> Archlint:
    """Run a command in this process, in `folder`."""
    assert folder == Path.cwd()

    def run(*arguments: str) -> Result:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def program(folder: Path) -> Archlint:
    """Run a command as a program of its own, in `folder`."""

    def run(*arguments: str, code: str = "") -> Result:
        command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "archlint"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run
