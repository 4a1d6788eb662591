"""`archlint inspect FILE --signal`: the table, its JSON, and the plot."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest

if TYPE_CHECKING:
    from conftest import Archlint

FAINT = """\
archlint: 1
name: faint
inputs:
  x: [N, 256]
defaults:
  - Linear: {bias: false}
    init: {normal: {std: 0.0441941738}}   # half of sqrt(2/d)
layers:
  - Sequential:
      - Linear: {out_features: 256}
      - ReLU
    repeat: 10
    name: deep
"""


@pytest.fixture
def faint(folder: Path) -> str:
    path = folder / "faint.arch.yaml"
    path.write_text(FAINT, encoding="utf-8")
    return path.name


def test_the_signal_layer_by_layer(archlint: Archlint, faint: str) -> None:
    """Each layer has (r^2)^l of the second moment and, backwards, as much of the gradient."""
    found = json.loads(archlint("inspect", faint, "--signal", "--format", "json").out)["signal"]
    sums = [each for each in found["tensors"] if each["node"].endswith("linear")]
    assert len(sums) == 10
    for depth, entry in enumerate(sums):
        assert entry["second_moment"] == pytest.approx(0.5 * 0.25**depth, rel=1e-3)
        assert entry["band"][0] < entry["second_moment"] < entry["band"][1]
        assert entry["scale"] == pytest.approx(sqrt(entry["second_moment"]))
        assert entry["gradient"] == pytest.approx(0.5 * 0.25 ** (9 - depth), rel=0.02)
    rectified = [each for each in found["tensors"] if each["node"].endswith("relu")]
    first, second = found["drift"]
    # The scale of the l-th ReLU is 0.5^l; the band of random weights lies below 1/10 and 1/100.
    scales = {each["node"]: each for each in rectified}
    for each, factor in ((first, 10), (second, 100)):
        assert each["factor"] == factor
        assert sqrt(scales[each["node"]]["band"][1]) < 1 / factor
        before = rectified[rectified.index(scales[each["node"]]) - 1]
        assert sqrt(before["band"][1]) >= 1 / factor


def test_the_table_of_the_signal(archlint: Archlint, faint: str) -> None:
    result = archlint("inspect", faint, "--signal")
    lines = result.out.splitlines()
    assert lines[0] == "inputs: standard normal; weights: as declared"
    assert lines[1].split() == [
        *("layer", "operator", "second", "moment", "band", "scale", "correlation", "gradient")
    ]
    assert len([line for line in lines if line.startswith("deep.")]) == 20
    assert lines[-2].startswith(
        "the scale leaves [0.1, 10] of that at the last normalization or input at "
    )


def test_weights_are_what_the_user_says(archlint: Archlint, folder: Path) -> None:
    text = "archlint: 1\ninputs:\n  x: [N, 32]\nlayers:\n  - Linear: {out_features: 32}\n"
    (folder / "net.arch.yaml").write_text(text, encoding="utf-8")
    archlint("export", "net.arch.yaml", "-o", "net.onnx")
    model = onnx.load("net.onnx")
    for weight in model.graph.initializer:
        del weight.metadata_props[:]  # what it was declared as
    onnx.save(model, "net.onnx")
    starts = {
        "auto": "weights: as they are stored, fresh: linear.weight is exactly PyTorch's default ",
        "fresh": "weights: as they are stored, fresh, as stated\n",
        "trained": "weights: trained, as stated; --set weights=fresh takes them as drawn\n",
    }
    for stated, start in starts.items():
        result = archlint("inspect", "net.onnx", "--signal", "--set", f"weights={stated}")
        assert result.out.startswith(f"inputs: standard normal; {start}")


def test_unknown_signals_are_listed_with_their_reason(archlint: Archlint, folder: Path) -> None:
    text = "archlint: 1\ninputs:\n  x: [N, 8, 8]\nlayers:\n  - onnx.Det\n"
    (folder / "odd.arch.yaml").write_text(text, encoding="utf-8")
    result = archlint("inspect", "odd.arch.yaml", "--signal")
    assert "not known at det: what Det does to a signal is not known" in result.out


def test_moves_are_only_shown_where_everything_is(archlint: Archlint, folder: Path) -> None:
    layers = "  - Flatten\n  - Linear: {out_features: 4}\n"
    text = f"archlint: 1\ninputs:\n  x: [N, 8, 4]\nlayers:\n{layers}"
    (folder / "moves.arch.yaml").write_text(text, encoding="utf-8")
    assert "flatten" not in archlint("inspect", "moves.arch.yaml", "--signal").out
    assert "flatten" in archlint("inspect", "moves.arch.yaml", "--signal", "--all-tensors").out


def test_a_plot_of_the_signal(archlint: Archlint, faint: str, folder: Path) -> None:
    pytest.importorskip("matplotlib")
    result = archlint("inspect", faint, "--signal", "--plot", "signal.svg")
    assert result.out.endswith("drawn in signal.svg\n")
    drawn = (folder / "signal.svg").read_text(encoding="utf-8")
    assert "<!-- faint.arch.yaml -->" in drawn  # the title: the graph of most files is main_graph
    archlint("inspect", faint, "--signal", "--plot", "again.svg")
    assert len((folder / "again.svg").read_bytes()) == len(drawn.encode())


def test_a_plot_needs_something_to_draw(archlint: Archlint, folder: Path) -> None:
    pytest.importorskip("matplotlib")
    text = "archlint: 1\ninputs:\n  x: [N, 8, 8]\nlayers:\n  - onnx.Det\n"
    (folder / "odd.arch.yaml").write_text(text, encoding="utf-8")
    result = archlint("inspect", "odd.arch.yaml", "--signal", "--plot", "signal.png")
    assert result.code == 2
    assert "no signal is known" in result.err


TRAINED = Path(__file__).parents[1] / "truth" / "training"


@pytest.mark.parametrize("path", sorted(TRAINED.glob("*.onnx")), ids=lambda path: path.name)
def test_weights_that_are_all_zero_are_no_error(archlint: Archlint, path: Path) -> None:
    # Gates and normalizations make numbers of all sizes of them, down to the smallest.
    found = json.loads(archlint("inspect", str(path), "--format", "json").out)["signal"]
    assert found["tensors"] or found["unknown"]
    for entry in found["tensors"]:
        assert entry["band"][0] <= entry["band"][1]
