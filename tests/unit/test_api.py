"""Everything that a plugin may import is there, and nothing heavy comes with it."""

import ast
import inspect
import subprocess
import sys

import pytest

from archlint import api


@pytest.mark.parametrize("name", api.__all__)
def test_every_exported_name_can_be_imported(name):
    assert getattr(api, name) is not None


def test_a_name_is_loaded_from_where_annotations_find_it():
    """The module lists each name for type checkers, for readers and for the run."""
    tree = ast.parse(inspect.getsource(api))
    (checked,) = (
        node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node)
    )
    annotated = {alias.name: node.module for node in checked.body for alias in node.names}
    assert annotated == api._HOMES
    assert set(annotated) < set(api.__all__)


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'Rulle'"):
        _ = api.Rulle


def test_import_is_light():
    code = "import sys, archlint.api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"onnx", "numpy", "yaml", "jsonschema"} & set(done.stdout.split())
