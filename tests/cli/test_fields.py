"""What `archlint inspect` shows of receptive fields."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

Archlint = Callable[..., Any]

STACK = """\
archlint: 1
name: stack
inputs:
  x: [1, 1, 32, 64]
layers:
  - Conv2d: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
    name: first
  - Conv2d: {out_channels: 2, kernel_size: [3, 5], padding: [1, 2]}
    name: second
  - ReLU:
    name: y
outputs: [y]
"""


@pytest.fixture
def stack(folder: Path) -> str:
    (folder / "stack.arch.yaml").write_text(STACK, encoding="utf-8")
    return "stack.arch.yaml"


def test_explain_tells_what_each_layer_adds(archlint: Archlint, stack: str) -> None:
    result = archlint("inspect", stack, "--explain", "y", "--format", "json")
    rows, columns = json.loads(result.out)["explain"]
    assert [(layer["op"], layer["field"], layer["adds"]) for layer in rows["layers"]] == [
        ("Conv", "3", 2),
        ("Conv", "7", 4),
    ]
    assert [layer["field"] for layer in columns["layers"]] == ["3", "11"]


def test_a_field_is_explained_by_its_layers(archlint: Archlint, stack: str) -> None:
    result = archlint("inspect", stack, "--explain", "y")
    assert result.code == 0
    assert "y along axis 2 of x: local" in result.out
    assert "+4" in result.out


def test_explain_knows_the_tensors(archlint: Archlint, stack: str) -> None:
    result = archlint("inspect", stack, "--explain", "secund")
    assert result.code == 2
    assert "did you mean" in result.err


@pytest.mark.parametrize("element", ["y[4,0]", "y[0,1,4,0]", "y[0, 0, -12, -32]"])
def test_at_gives_the_input_region_of_an_element(
    archlint: Archlint, stack: str, element: str
) -> None:
    """Rows: 2 (4 - 1) - 1 = 5 to 2 (4 + 1) + 1 = 11; columns: -5 to 5, from 0 on inside."""
    result = archlint("inspect", stack, "--at", element, "--format", "json")
    rows, columns = json.loads(result.out)["at"]
    assert (rows["box"], rows["inside"], rows["read"]) == ([5, 11], [5, 11], 7)
    assert (columns["box"], columns["inside"], columns["read"]) == ([-5, 5], [0, 5], 6)


@pytest.mark.parametrize(
    ("element", "wrong"),
    [("y", "TENSOR"), ("z[1,2]", "no tensor"), ("y[1]", "indices"), ("y[99,0]", "outside")],
)
def test_positions_outside_the_tensor_are_usage_errors(
    archlint: Archlint, stack: str, element: str, wrong: str
) -> None:
    result = archlint("inspect", stack, "--at", element)
    assert result.code == 2
    assert wrong in result.err


def test_halo_gives_the_overlap_of_tiles(archlint: Archlint, stack: str) -> None:
    """Outputs j and j + 1 start 2 inputs apart, so that 7 - 2 and 11 - 2 inputs are shared."""
    result = archlint("inspect", stack, "--halo", "--format", "json")
    rows, columns = json.loads(result.out)["halo"]
    assert (rows["before"], rows["after"], rows["overlap"]) == (3, 2, 5)
    assert (columns["before"], columns["after"], columns["overlap"]) == (5, 4, 9)
    assert (rows["input_step"], rows["output_step"]) == (2, 1)


def test_halo_reports_what_cannot_be_tiled(archlint: Archlint, folder: Path) -> None:
    pooled = STACK.replace("outputs: [y]", "  - GlobalAvgPool:\n    name: all\noutputs: [all]")
    (folder / "pooled.arch.yaml").write_text(pooled, encoding="utf-8")
    result = archlint("inspect", "pooled.arch.yaml", "--halo")
    assert "cannot be tiled, everything is read at all" in result.out


def test_verify_confirms_the_fields(archlint: Archlint, stack: str) -> None:
    pytest.importorskip("onnxruntime")
    result = archlint("inspect", stack, "--verify", "--all-tensors", "--format", "json")
    found = json.loads(result.out)["verify"]
    assert result.code == 0
    assert found["disagreements"] == []
    assert found["agreements"] == 6
    assert found["seen"] > 0.5 * found["predicted"]


def test_verify_detects_a_field_that_is_too_narrow(
    archlint: Archlint, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a window that is taken to be narrower than it is, a run has to notice."""
    pytest.importorskip("onnxruntime")
    from archlint.ops import sliding

    narrow: Callable[..., Any] = vars(sliding)["window"]
    monkeypatch.setattr(sliding, "window", lambda size, *rest: narrow(max(size - 1, 1), *rest))
    result = archlint("inspect", stack, "--verify")
    assert result.code == 1
    assert "which is not in its field" in result.out


def test_verify_needs_bound_dimensions(archlint: Archlint, folder: Path) -> None:
    (folder / "open.arch.yaml").write_text(STACK.replace("64", "W"), encoding="utf-8")
    result = archlint("inspect", "open.arch.yaml", "--verify")
    assert result.code == 2
    assert "--dim W=N" in result.err


def test_a_plot_needs_matplotlib(
    archlint: Archlint, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = archlint("inspect", stack, "--plot", "field.svg")
    assert result.code == 2
    assert "archlint-nn[plot]" in result.err


def test_a_plot_is_written_in_the_format_of_its_name(
    archlint: Archlint, stack: str, folder: Path
) -> None:
    pytest.importorskip("matplotlib")
    for name in ("field.svg", "field.png"):
        assert archlint("inspect", stack, "--plot", name).code == 0
        assert (folder / name).stat().st_size > 1000


def test_a_plot_is_not_written_to_a_text_file(archlint: Archlint, stack: str) -> None:
    result = archlint("inspect", stack, "--plot", "field.txt")
    assert result.code == 2
    assert ".svg" in result.err


def test_verification_without_the_weights_is_no_bug(
    archlint: Archlint, stack: str, folder: Path
) -> None:
    assert archlint("export", stack, "-o", "net.onnx").code == 0
    model = onnx.load("net.onnx")
    onnx.save(model, "net.onnx", save_as_external_data=True, location="w", size_threshold=0)
    (folder / "w").unlink()
    result = archlint("inspect", "net.onnx", "--verify")
    assert result.code == 2
    assert result.err.startswith("archlint: error: net.onnx: onnx: ")
