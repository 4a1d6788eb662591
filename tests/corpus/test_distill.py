"""The headline table of Araujo, Norris and Sim, "Computing Receptive Fields of CNNs", Distill 2019.

The networks are those of TF-Slim, stated anew as architecture files, with the padding of TensorFlow
written out for the size at which the article gives it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from archlint.analysis.receptive_field.receptive_fields import ReceptiveFields
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml

# (size, stride, padding) of the last map.
TABLE = {
    "alexnet_v2": (195, 32, 64),
    "vgg_16": (212, 32, 90),
    "mobilenet_v1": (315, 32, 126),
    "mobilenet_v1_075": (315, 32, 126),
    "resnet_v1_50": (483, 32, 239),
    "resnet_v1_101": (1027, 32, 511),
    "resnet_v1_152": (1507, 32, 751),
    "resnet_v1_200": (1763, 32, 879),
    "inception_v2": (699, 32, 318),
    "inception_v3": (1311, 32, 618),
    "inception_v4": (2071, 32, 998),
    "inception_resnet_v2": (3039, 32, 1482),
}
FOLDER = Path(__file__).parent / "distill"


def test_table_lists_every_network() -> None:
    assert {path.name.removesuffix(".arch.yaml") for path in FOLDER.iterdir()} == set(TABLE)


@pytest.mark.parametrize(("name", "row"), TABLE.items())
def test_receptive_field_equals_the_published_one(name: str, row: tuple[int, int, int]) -> None:
    path = FOLDER / f"{name}.arch.yaml"
    model = compile_architecture(read_yaml(path), path.parent).model
    fields = ReceptiveFields(build_graph(model, Bindings(1, {})), operators())
    (output,) = fields.graph.outputs
    assert [extent.axis for extent in fields.extents] == [2, 3]
    for extent in fields.extents:
        field = fields.of(output, extent)
        assert field.reach is not None
        assert (field.size, field.reach.stride, field.reach.padding) == ((row[0],) * 2, *row[1:])
        assert field.status == "exact"
