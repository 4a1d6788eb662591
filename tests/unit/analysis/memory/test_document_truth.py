"""Networks of architecture files, against PyTorch: see tests/truth/measure_documents.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archlint.analysis.facts import Facts
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.sources.yaml_document import parse_yaml
from archlint.target import Target, Training

TRUTH = Path(__file__).parents[3] / "truth" / "documents.json"
MEASURED = json.loads(TRUTH.read_text(encoding="utf-8"))["documents"]


def layer(entry):
    kind, arguments = next(iter(entry.items()))
    return kind + "".join(f"-{key}-{each}" for key, each in arguments.items())


def title(case):
    return "_".join(map(layer, case["layers"])).replace(" ", "")


def facts_of(case, optimizer):
    inputs = {"x": case["input"]}
    text = json.dumps({"archlint": 1, "inputs": inputs, "layers": case["layers"]})  # JSON is YAML
    architecture = compile_architecture(parse_yaml(text.encode()), Path())
    assert not architecture.problems
    target = Target(training=Training(optimizer, loss="mse"))
    return Facts(build_graph(architecture.model), target, operators())


@pytest.mark.parametrize("case", MEASURED, ids=title)
def test_a_step_of_an_architecture_file_is_that_of_pytorch(case):
    facts = facts_of(case, "sgd")
    assert facts.parameters.count == case["parameters"]
    assert facts.compute.forward_flops.value == case["forward_flops"]
    assert facts.saved.total.value == case["saved_bytes"]
    # Losses and other numbers of a few bytes come and go in other places.
    assert facts.training_memory.peak.value == pytest.approx(case["sgd_bytes"], rel=0.01)
    held = facts_of(case, "adam").training_memory.peak.value
    assert held == pytest.approx(case["adam_bytes"], rel=0.01)
