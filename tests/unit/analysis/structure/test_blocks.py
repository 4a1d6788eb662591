"""The repeated parts of networks that everybody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlint.analysis.structure.blocks import Blocks
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.sources.yaml_document import read_yaml

EXAMPLES = Path(__file__).parents[4] / "examples"


@pytest.mark.parametrize(
    ("example", "count", "first", "last"),
    [
        ("gpt2", 12, "blocks.0", "blocks.11"),
        ("vit_s16", 12, None, None),
        ("resnet50", 16, "stage1.bottleneck", "stage4.bottleneck_2.1"),
        ("vgg16", 4, "stage", "stage_4"),
    ],
)
def test_the_blocks_of_an_example_are_found(
    example: str, count: int, first: str | None, last: str | None
) -> None:
    document = read_yaml(EXAMPLES / f"{example}.arch.yaml")
    graph = build_graph(compile_architecture(document, EXAMPLES).model, Bindings(1))
    found = [".".join(path) for path in Blocks(graph, graph).found]
    assert len(found) == count
    if first is not None:
        assert (found[0], found[-1]) == (first, last)
