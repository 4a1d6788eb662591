"""The map of the code that CONTRIBUTING gives is that of the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z_./]+)`", MAP))
HOMES = (ROOT, ROOT / "archlint" / "analysis", ROOT / "archlint" / "ops")


@pytest.mark.parametrize("path", sorted(name for name in NAMED if "/" in name))
def test_every_path_that_is_named_is_there(path):
    assert any((home / path).exists() or (home / f"{path}.py").exists() for home in HOMES)


@pytest.mark.parametrize("package", sorted(ROOT.glob("archlint/*/__init__.py")))
def test_every_package_is_named(package):
    assert f"archlint/{package.parent.name}" in NAMED


@pytest.mark.parametrize("home", ["archlint/analysis", "archlint/graph", "archlint/ops"])
def test_the_packages_of_the_large_ones_are_named(home):
    assert {package.parent.name for package in (ROOT / home).glob("*/__init__.py")} <= NAMED
