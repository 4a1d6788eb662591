"""The manual of architecture files: its examples compile, and it names every layer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import onnx
import pytest

from archlint.frontends.architecture.initializer import KNOWN
from archlint.frontends.architecture.item import BESIDE
from archlint.frontends.architecture.layers.table import layers

MANUAL = (Path(__file__).parents[3] / "docs" / "architecture-files.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_compiles(compile_text: Any, text: str) -> None:
    onnx.checker.check_model(compile_text(text).model, full_check=True)


def test_the_manual_names_everything() -> None:
    words = set(re.findall(r"\w+", MANUAL))
    assert {*layers(), *KNOWN, *BESIDE} - words == set()
