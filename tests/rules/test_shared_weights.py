"""Initialization of weights that are tied to others, or added beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from archlint.testing import lint_file, lint_text
from archlint_rules import archlint_rules

TRUTH = Path(__file__).parents[1] / "truth" / "inference"
RULES = [rule for rule in archlint_rules() if rule.code.startswith("INIT") and rule.enabled]


def test_a_tied_head_may_scale_what_it_multiplies():
    """T5 draws its embedding from N(0, 1) and divides by sqrt(d) before the tied head."""
    text = """\
archlint: 1
name: tied
inputs:
  tokens: {shape: [N, 32], dtype: int64}
layers:
  - Embedding: {num_embeddings: 1000, embedding_dim: 256}
    name: embedding
  - LayerNorm:
    SCALED
  - Linear: {bias: false}
    tie: embedding
    name: logits
outputs: [logits]
"""
    loud_head = text.replace("    SCALED\n", "")
    scaled = text.replace("SCALED", "init: {constant: 0.0625}")
    rules = [rule for rule in RULES if rule.code == "INIT011"]
    assert [found.code for found in lint_text(loud_head, rules)] == ["INIT011"]
    assert lint_text(scaled, rules) == []


LOW_RANK = """
archlint: 1
inputs:
  x: [4, 64]
layers:
  - Linear: {out_features: 64}
    init: {kaiming_normal: {nonlinearity: relu}}
  - ReLU
  - Linear: {out_features: 64}
    init: {kaiming_normal: {nonlinearity: relu}}
    ADAPTER
  - ReLU
  - Linear: {out_features: 64}
"""


@pytest.mark.parametrize("adapter", ["lora: {r: 8}", "frozen: false"])
def test_adapters_are_not_judged(adapter: str) -> None:
    """PEFT's first factor has the framework's default behind a ReLU, and its second is zero."""
    training = "target: {training: {lora-rank: 4}}\n" if "frozen" in adapter else ""
    assert lint_text(LOW_RANK.replace("ADAPTER", adapter) + training, RULES) == []


@pytest.mark.parametrize(("scale", "codes"), [(4.0, ["INIT011"]), (0.02, [])])
def test_a_head_that_is_stored_transposed_is_tied(
    tmp_path: Path, scale: float, codes: list[str]
) -> None:
    """The TorchScript exporter stores the tied weight a second time, under a name of its own."""
    model = onnx.load(TRUTH / "tied.torchscript.onnx")
    for tensor in model.graph.initializer:
        if sorted(tensor.dims) == [24, 50]:
            numbers = numpy_helper.to_array(tensor) * np.float32(scale)
            tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    onnx.save(model, tmp_path / "tied.onnx")
    rules = [rule for rule in RULES if rule.code == "INIT011"]
    findings = lint_file(tmp_path / "tied.onnx", rules, {"weights": "fresh"})
    assert [found.code for found in findings] == codes
