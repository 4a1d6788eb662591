"""SARIF: what code scanning shows beside a finding."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from archlint.report.sarif import uri_of

from .conftest import Archlint


def _rules(archlint: Archlint) -> dict[str, dict[str, Any]]:
    (run,) = json.loads(archlint("check", "net.arch.yaml", "--format", "sarif").out)["runs"]
    return {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}


def test_a_rule_that_found_something_brings_its_manual(archlint: Archlint) -> None:
    """The manual is installed with archlint and has no address of its own."""
    manual = archlint("rule", "ARCH006").out
    rule = _rules(archlint)["ARCH006"]
    assert rule["help"] == {"text": manual, "markdown": manual}
    assert "helpUri" not in rule


def test_every_rule_has_the_texts_that_code_scanning_needs(archlint: Archlint) -> None:
    for code, rule in _rules(archlint).items():
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"].endswith(".")
        assert code == "ARCH006" or rule["help"] == {"text": f"archlint rule {code}"}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PurePosixPath("models/net.onnx"), "models/net.onnx"),
        (PurePosixPath("models/a:b 50%.onnx"), "models/a%3Ab%2050%25.onnx"),
        (PurePosixPath("/models/é.onnx"), "file:///models/%C3%A9.onnx"),
        (PureWindowsPath(r"models\net.onnx"), "models/net.onnx"),
        (PureWindowsPath(r"C:\models\é b.onnx"), "file:///C:/models/%C3%A9%20b.onnx"),
        (PureWindowsPath(r"\\server\share\net.onnx"), "file://server/share/net.onnx"),
    ],
)
def test_addresses_are_those_of_rfc_3986(path: PurePosixPath | PureWindowsPath, uri: str) -> None:
    assert uri_of(path) == uri


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
@pytest.mark.parametrize("format", ["text", "short", "json", "github", "sarif"])
def test_a_name_that_is_no_text_is_reported(archlint: Archlint, folder: Path, format: str) -> None:  # noqa: A002 - as the flag
    name = os.fsdecode(b"net\xff.arch.yaml")
    try:
        (folder / name).write_bytes((folder / "net.arch.yaml").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such names")  # as those of macOS
    result = archlint("check", name, "--format", format, "--output", "report")
    assert result.code == 1
    report = (folder / "report").read_text(encoding="utf-8")
    assert {"sarif": "net%FF.arch.yaml"}.get(format, r"net\udcff.arch.yaml") in report
