"""FLOP and memory of what TorchScript's exporter merges: truth/measure_repeated.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archlint.analysis.facts import Facts
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.onnx_file import read_onnx
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[2] / "truth" / "repeated"
CALLED = json.loads((TRUTH / "truth.json").read_text(encoding="utf-8"))["called"]
# Whether a program kept a result or computed it again is in no file.
OPEN = {"rounds", "heads"}
MERGED = CALLED.keys() - OPEN - {"kept"}


def facts_of(name: str) -> Facts:
    model = read_onnx(TRUTH / f"{name}.torchscript.onnx").model
    return Facts(build_graph(model, Bindings(None)), Target(training=Training("sgd")), operators())


@pytest.mark.parametrize("name", sorted(CALLED.keys() - OPEN))
def test_training_is_that_of_pytorch(name: str) -> None:
    facts, truth = facts_of(name), CALLED[name]
    assert facts.training_compute.forward_flops.value == truth["forward"]
    assert facts.training_compute.backward_flops.value == truth["backward"]
    assert facts.saved.total.value == truth["saved_bytes"]


@pytest.mark.parametrize("name", sorted(MERGED))
def test_the_file_itself_computes_less(name: str) -> None:
    facts = facts_of(name)
    assert facts.compute.forward_flops.high < CALLED[name]["forward"]
    assert "training computes all of them" in (facts.compute_note or "")


@pytest.mark.parametrize("name", sorted(OPEN))
def test_an_interval_where_a_result_may_have_been_kept(name: str) -> None:
    facts, truth = facts_of(name), CALLED[name]
    compute = facts.training_compute
    # The upper end is the program that repeats everything, as this one does.
    assert compute.forward_flops.low < compute.forward_flops.high == truth["forward"]
    assert compute.backward_flops.low < compute.backward_flops.high == truth["backward"]
    assert facts.saved.total.high == truth["saved_bytes"]
    assert "dynamo=True" in (facts.compute_note or "")
    assert "may have merged" in (facts.training_step.note or "")


def test_what_a_program_kept_raises_no_doubt() -> None:
    assert facts_of("kept").compute_note is None
