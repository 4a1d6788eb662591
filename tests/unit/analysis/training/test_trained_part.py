"""What is frozen by name: a parameter, a layer, or a module around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlint.analysis.facts import Facts
from archlint.analysis.training.trained_part import trained_part, unmatched_patterns
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.ops.registry import operators
from archlint.sources.yaml_document import parse_yaml
from archlint.target import Target, Training

TEXT = b"""
archlint: 1
inputs: {x: [2, 3, 6, 6]}
layers:
  - Sequential:
      - Conv2d: {out_channels: 8, kernel_size: 3}
      - Conv2d: {out_channels: 2, kernel_size: 3}
    name: backbone
  - Flatten
  - Linear: {out_features: 10}
    name: head
"""
FIRST, SECOND, HEAD = 8 * 27 + 8, 2 * 72 + 2, 8 * 10 + 10


@pytest.mark.parametrize(
    ("pattern", "trained"),
    [
        ("backbone", HEAD),
        ("backbone.*", HEAD),
        ("head", FIRST + SECOND),
        ("head.bias", FIRST + SECOND + HEAD - 10),
        ("backbone.conv2d", SECOND + HEAD),
        ("*.bias", FIRST + SECOND + HEAD - 20),
    ],
)
def test_what_a_pattern_names_is_not_trained(pattern: str, trained: int) -> None:
    graph = build_graph(compile_architecture(parse_yaml(TEXT), Path()).model)
    training = Training("sgd", frozen=(pattern,))

    found = Facts(
        trained_part(graph, operators(), training), Target(training=training), operators()
    )

    assert found.training_memory.gradient_bytes == 4 * trained
    assert not list(unmatched_patterns(graph, training))


def test_patterns_without_a_match_are_reported() -> None:
    graph = build_graph(compile_architecture(parse_yaml(TEXT), Path()).model)
    training = Training("sgd", frozen=("tail", "head"))

    assert list(unmatched_patterns(graph, training)) == [("training.frozen", "tail")]
