"""Training of what was exported for inference, against PyTorch: see truth/measure_inference.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from archlint.analysis.facts import Facts
from archlint.engine.stored_numbers import StoredNumbers
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.onnx_file import read_onnx
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[3] / "truth" / "inference"
MEASURED = json.loads((TRUTH / "truth.json").read_text(encoding="utf-8"))
NETWORKS = MEASURED["networks"]
CASES = [tuple(path.name.split(".")[:2]) for path in sorted(TRUTH.glob("*.onnx"))]
SEEN = 0.0051  # what no such file shows, on either side


def facts_of(name: str, exporter: str, optimizer: str = "sgd", **said: str) -> Facts:
    path = TRUTH / f"{name}.{exporter}.onnx"
    document = read_onnx(path)
    graph = build_graph(document.model, Bindings(MEASURED["batch"]))
    training = Training(optimizer, loss="none", foreach=False, **said)
    numbers = StoredNumbers(path, document.model, document.payloads)
    return Facts(graph, Target(training=training), operators(), numbers)


@pytest.mark.parametrize(("name", "exporter"), CASES)
def test_parameters_are_those_of_the_module(name: str, exporter: str) -> None:
    facts, count = facts_of(name, exporter), NETWORKS[name]["parameters"]
    if exporter == "torchscript" and name.startswith("pooled"):
        # Whether a convolution had a bias of its own in front of a batch norm, no such file tells.
        assert facts.saved.upper is not None
        most = facts.saved.upper.gradients.parameters.count
        assert facts.trained_parameters.count < count <= most
    else:
        assert facts.trained_parameters.count == count


@pytest.mark.parametrize(("name", "exporter"), CASES)
def test_the_interval_contains_the_saved_bytes_of_autograd(name: str, exporter: str) -> None:
    facts = facts_of(name, exporter)
    saved = facts.saved.total.widened(facts.training_step.unseen)
    assert saved.low <= NETWORKS[name]["saved_bytes"] <= saved.high
    assert facts.training_note is not None


@pytest.mark.parametrize(("name", "exporter"), CASES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_interval_contains_the_peak(name: str, exporter: str, optimizer: str) -> None:
    facts = facts_of(name, exporter, optimizer)
    peak = facts.training_memory.peak.widened(facts.training_step.unseen)
    assert peak.low <= NETWORKS[name]["peak_bytes"][optimizer] <= peak.high


@pytest.mark.parametrize("name", ["pooled", "pooled-dropout", "classifier"])
def test_the_record_of_an_exported_program_makes_the_interval_narrow(name: str) -> None:
    saved, kept = facts_of(name, "dynamo").saved.total, NETWORKS[name]["saved_bytes"]
    assert saved.high == pytest.approx(kept, rel=SEEN)
    if name == "pooled":  # there is no dropout, and nothing tells of one
        assert saved.low == pytest.approx(kept, rel=SEEN)


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_stating_it_in_the_target_gives_an_exact_answer(exporter: str) -> None:
    facts = facts_of("pooled", exporter, batch_norm="present")
    assert facts.saved.total.value == NETWORKS["pooled"]["saved_bytes"]
    want = NETWORKS["pooled"]["peak_bytes"]["sgd"]
    # Numbers of a few bytes, as counters of steps, come and go in other places.
    assert facts.training_memory.peak.value == pytest.approx(want, rel=1e-3)


def test_a_head_of_its_own_is_not_tied(tmp_path: Path) -> None:
    path = TRUTH / "tied.torchscript.onnx"
    model = onnx.load(path)
    (head,) = [each for each in model.graph.initializer if list(each.dims) == [24, 50]]
    numbers = np.random.default_rng(0).normal(size=(24, 50)).astype(np.float32)
    head.CopyFrom(numpy_helper.from_array(numbers, head.name))
    onnx.save(model, tmp_path / "untied.onnx")
    document = read_onnx(tmp_path / "untied.onnx")
    graph = build_graph(document.model, Bindings(MEASURED["batch"]))
    stored = StoredNumbers(tmp_path / "untied.onnx", document.model, document.payloads)
    facts = Facts(graph, Target(training=Training("sgd")), operators(), stored)
    assert facts.trained_parameters.count == NETWORKS["tied"]["parameters"] + 24 * 50
