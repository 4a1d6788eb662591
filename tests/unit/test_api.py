"""Everything that a plugin may import is there, and nothing heavy comes with it."""

import subprocess
import sys

import pytest

from archlint import api


@pytest.mark.parametrize("name", api.__all__)
def test_name_is_there(name):
    assert getattr(api, name) is not None


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'Rulle'"):
        _ = api.Rulle


def test_import_is_light():
    code = "import sys, archlint.api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"onnx", "numpy", "yaml", "jsonschema"} & set(done.stdout.split())
