"""The repeated parts of networks that everybody knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper, parser

from archlint.analysis.facts import Facts
from archlint.analysis.structure.blocks import Blocks
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml
from archlint.target import Target

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


def test_what_reads_only_the_shape_of_a_weight_is_no_layer_and_owns_nothing() -> None:
    """As torch.export writes it beside a convolution without a bias."""
    weight = "<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>"
    calls = "".join(
        f"""["/body/body.{number}/Shape"] shape{number} = Shape(w{number})
        ["/body/body.{number}/Conv"] y{number} = Conv {weight} ({source}, w{number})\n"""
        for number, source in enumerate(("x", "y0", "y1"))
    )
    model = parser.parse_model(f"""<ir_version: 10, opset_import: ["" : 21]>
        chain (float[1, 3, 8, 8] x) => (float[1, 3, 8, 8] y2) {{ {calls} }}""")
    kernel = np.ones((3, 3, 3, 3), np.float32)
    model.graph.initializer.extend(
        numpy_helper.from_array(kernel, f"w{number}") for number in range(3)
    )
    graph = build_graph(model)
    assert Blocks(graph, graph).found == ()
    owners = Facts(graph, Target(), operators()).parameters.of_node
    assert owners == {f"/body/body.{number}/Conv": 81 for number in range(3)}
