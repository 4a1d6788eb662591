"""Reports, byte for byte: what a person sees when they run archlint on a file.

Set ARCHLINT_WRITE_GOLDEN=1 to write them anew, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archlint import __version__
from archlint.cli import main

FOLDER = Path(__file__).parent / "check"
CASES = sorted(path.name for path in FOLDER.glob("*.arch.yaml"))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", ["text", "json"])
def test_report_equals_the_recorded_one(
    name: str,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(FOLDER)
    for variable in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    select = "ARCH006,FILE,LINT,YAML"
    code = main(["check", name, "--format", form, "--select", select, "--no-config"])
    out, err = capsys.readouterr()
    report = f"{out}{err}exit code {code}\n".replace(f'"{__version__}"', '"VERSION"')
    expected = FOLDER / f"{name}.{form}"
    if os.environ.get("ARCHLINT_WRITE_GOLDEN"):
        expected.write_text(report, encoding="utf-8", newline="\n")
    assert report == expected.read_text(encoding="utf-8")


def test_golden_cases_exist() -> None:
    assert len(CASES) >= 3
