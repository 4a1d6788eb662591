"""The JSON Schema of architecture files says what the compiler says."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import archlint_schemas
from archlint.engine.architecture_schema import schema
from archlint.frontends.architecture.layers.table import layers
from archlint.sources.yaml_document import parse_yaml, plain

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.arch.yaml"))
GOOD = "archlint: 1\ninputs: {x: [N, 3, 8, 8]}\nlayers:\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    loaded = archlint_schemas.load("architecture")
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


def is_valid(validator: Draft202012Validator, data: bytes) -> bool:
    root = parse_yaml(data).root
    assert root is not None
    return validator.is_valid(plain(root))


def test_the_shipped_schema_is_the_one_that_the_layers_make() -> None:
    assert archlint_schemas.load("architecture") == schema(), (
        "run python -m archlint.engine.architecture_schema "
        "> schemas/archlint_schemas/architecture.schema.json"
    )


def test_every_layer_can_be_completed() -> None:
    properties = archlint_schemas.load("architecture")["$defs"]["layer"]["properties"]
    for name, layer in layers().items():
        assert properties[name]["description"] == layer.summary != ""
        assert set(properties[name]["properties"]) == set(layer.arguments)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(validator: Draft202012Validator, path: Path) -> None:
    assert is_valid(validator, path.read_bytes())


@pytest.mark.parametrize(
    ("layer", "valid"),
    [
        ("- ReLU", True),
        ("- ReLU:", True),
        ("- Conv2d: {out_channels: $width, kernel_size: [3, 3], padding: same}", True),
        ("- {Linear: {out_features: 3}, init: kaiming_normal, bias_init: {constant: 0.1}}", True),
        ("- {my_block: {anything: 1}, name: x, from: [a, b], repeat: 3, if: $flag}", True),
        ("- Conv2d: {out_channels: 0}", False),
        ("- Conv2d: {out_channels: x}", False),
        ("- Conv2d: {outchannels: 3}", False),
        ("- Conv2d: {padding: sam}", False),
        ("- Dropout: {p: 2}", False),
        ("- {Linear: {out_features: 3}, init: kaiming_norml}", False),
        ("- {Linear: {out_features: 3}, init: {normal: {sd: 1}}}", False),
        ("- {ReLU: , name: 3x}", False),
        ("- 3", False),
    ],
)
def test_layers_are_told_from_mistakes(
    validator: Draft202012Validator, layer: str, valid: bool
) -> None:
    assert is_valid(validator, f"{GOOD}  {layer}\n".encode()) is valid


def test_schemas_are_found_by_name() -> None:
    assert "architecture" in archlint_schemas.names()
    with pytest.raises(KeyError):
        archlint_schemas.load("nothing")
