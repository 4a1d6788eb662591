"""Everything that a plugin may import is there, and nothing heavy comes with it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from archlint import api


@pytest.mark.parametrize("name", api.__all__)
def test_every_listed_name_can_be_imported(name):
    assert getattr(api, name) is not None


def test_type_checkers_see_the_names_that_a_run_imports():
    tree = ast.parse(Path(api.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    names = [alias.asname for node in tree.body for alias in node.names]
    assert names
    assert sorted(names) == sorted(api.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Rulle'"):
        _ = api.Rulle


def test_import_is_light():
    code = "import sys, archlint.api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"onnx", "numpy", "yaml", "jsonschema"} & set(done.stdout.split())
