"""What a training step keeps and holds under autocast, against PyTorch.

See tests/truth/measure_autocast.py. The networks of `held_out` were measured after the model was
written.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from archlint.analysis.facts import Facts
from archlint.devices.catalogue import find_device
from archlint.frontends.onnx import load_onnx
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.graph import Graph
from archlint.ops.registry import operators
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[3] / "truth"
MEASURED = json.loads((TRUTH / "autocast" / "truth.json").read_text(encoding="utf-8"))
NETWORKS = MEASURED["networks"]
FILES = sorted(
    path
    for folder in ("training", "autocast")
    for path in (TRUTH / folder).glob("*.onnx")
    if path.name.split(".")[0] in NETWORKS
)
EXACT = [path for path in FILES if not path.name.startswith("recurrent")]
RECURRENT = [path for path in FILES if path.name.startswith("recurrent")]

# TorchScript has no lines of the program, so that a peak in the forward pass is an interval.
# It does not tell a call of SiLU from x * sigmoid(x) either, which saves more.
WRITTEN = "or write it out in steps"
VARIABLES = "variables of the program may hold tensors until a module returns"


def _is_torchscript(path: Path) -> bool:
    return "torchscript" in path.name


def measured(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = NETWORKS[path.name.split(".")[0]]
    return found


def cases(paths: list[Path]) -> list[ParameterSet]:
    """Return every file with every place where it was measured."""
    return [
        pytest.param(path, place, id=f"{path.stem} {place}")
        for path in paths
        for place in measured(path)["saved_bytes"]
    ]


@cache
def graph_of(path: Path) -> Graph:
    return build_graph(load_onnx(path).model, Bindings(MEASURED["batch"]))


def facts_of(path: Path, place: str = "bf16 cpu") -> Facts:
    half, device = place.split()
    target = Target(
        device=find_device("nvidia-t4") if device == "cuda" else None,
        training=Training("adam", precision=f"{half}-mixed", in_place=False),
    )
    return Facts(graph_of(path), target, operators())


def test_every_network_is_there() -> None:
    assert {path.name.split(".")[0] for path in FILES} == set(NETWORKS)
    assert len(NETWORKS) >= 20
    assert len(MEASURED["held_out"]) >= 10


@pytest.mark.parametrize(("path", "place"), cases(EXACT))
def test_saved_bytes_are_those_of_autograd(path: Path, place: str) -> None:
    facts = facts_of(path, place)
    saved, want = facts.saved.total, measured(path)["saved_bytes"][place]
    if _is_torchscript(path) and WRITTEN in (facts.training_note or ""):
        assert saved.low == want < saved.high
        return
    assert saved.value == want
    assert facts.training_note in ((None, VARIABLES) if _is_torchscript(path) else (None,))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("path", EXACT, ids=lambda path: path.stem)
def test_peak_equals_that_of_pytorch(path: Path, optimizer: str, *, foreach: bool) -> None:
    training = Training(
        optimizer, precision="bf16-mixed", loss="none", foreach=foreach, in_place=False
    )
    memory = Facts(graph_of(path), Target(training=training), operators()).training_memory
    want = measured(path)["peak_bytes"][optimizer + " foreach" * foreach]
    assert memory.peak.low == pytest.approx(want, rel=0.01)
    assert memory.peak.low == memory.peak.high or _is_torchscript(path)


@pytest.mark.parametrize("precision", ["fp32", "bf16-mixed"])
@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
@pytest.mark.parametrize("path", EXACT, ids=lambda path: path.stem)
def test_a_loss_casts_and_keeps_as_well(path: Path, loss: str, precision: str) -> None:
    training = Training("sgd", precision=precision, loss=loss, in_place=False)
    memory = Facts(graph_of(path), Target(training=training), operators()).training_memory
    want = measured(path)["loss_peak_bytes"][f"{loss} {precision}"]
    assert memory.peak.low == pytest.approx(want, rel=0.01)


@pytest.mark.parametrize(("path", "place"), cases(RECURRENT))
def test_the_interval_of_a_recurrent_layer_holds_what_it_keeps(path: Path, place: str) -> None:
    facts = facts_of(path, place)
    saved = facts.saved.total
    assert saved.low < measured(path)["saved_bytes"][place] < saved.high
    assert "recurrent" in (facts.training_note or "")
