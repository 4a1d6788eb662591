"""Scores and caches of attention, against closed forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlint.analysis.facts import Facts
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml
from archlint.target import Target, Training

EXAMPLES = Path(__file__).parents[4] / "examples"
BATCH, HEADS, LENGTH, WIDTH = 2, 4, 64, 8

BY_HAND = f"""\
archlint: 1
name: by-hand
inputs:
  x: [{BATCH}, {HEADS}, {LENGTH}, {WIDTH}]
layers:
  - Linear: {{out_features: {WIDTH}}}
    name: queries
  - Transpose: {{dim0: 2, dim1: 3}}
    from: x
    name: keys
  - MatMul:
    from: [queries, keys]
  - Softmax: {{dim: -1}}
    name: weights
  - MatMul:
    from: [weights, x]
"""
DROPPED_AND_SHOWN = (
    BY_HAND.replace("from: [weights, x]", "from: [dropped, x]\n    name: mixed").replace(
        "    name: weights\n", "    name: weights\n  - Dropout: {p: 0.1}\n    name: dropped\n"
    )
    + """\
  - ReLU:
    from: weights
    name: shown
outputs: [mixed, shown]
"""
)


def attention_memory(path, batch_size=None):
    model = compile_architecture(read_yaml(path), path.parent).model
    graph = build_graph(model, Bindings(batch_size))
    target = Target(batch_size=batch_size, training=Training("sgd"))
    return Facts(graph, target, operators()).attention_memory


@pytest.mark.parametrize(
    ("text", "maps"),
    [
        # The softmax keeps its result; the product, whose values are the input, keeps no weights.
        (BY_HAND, 1),
        # Dropout keeps a mask too: of floats, on the CPU.
        (DROPPED_AND_SHOWN, 2),
    ],
)
def test_unfused_scores_are_saved_once(text, maps, tmp_path):
    path = tmp_path / "net.arch.yaml"
    path.write_text(text)
    (scores,) = attention_memory(path).scores
    assert scores.shape == (BATCH, HEADS, LENGTH, LENGTH)
    assert scores.nbytes == maps * 4 * BATCH * HEADS * LENGTH**2


def test_a_fused_attention_saves_no_scores():
    assert attention_memory(EXAMPLES / "gpt2.arch.yaml", 2).scores == ()


@pytest.mark.parametrize(("width", "nbytes"), [(None, 4), (2, 2)])
def test_the_cache_of_gpt2_has_the_size_of_the_closed_form(width, nbytes):
    # 2 L h d T B values: 12 layers, 12 heads of width 64.
    cache = attention_memory(EXAMPLES / "gpt2.arch.yaml", 3).cache(2048, width)
    assert cache.value == 2 * 12 * 768 * 2048 * 3 * nbytes


def test_a_cache_without_attention_is_unknown():
    cache = attention_memory(EXAMPLES / "resnet50.arch.yaml", 1).cache(2048)
    assert not cache.complete
