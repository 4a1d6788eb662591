"""The JSON Schema of the configuration says what the reader says."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from archlint.config.error import ConfigError
from archlint.config.loading import load_config
from archlint.config.schema import config_schema, target_schema


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(config_schema())
    return Draft202012Validator(config_schema())


def test_the_shipped_file_is_the_one_that_the_settings_make() -> None:
    text = files("archlint_schemas").joinpath("config.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == config_schema(), (
        "run python -m archlint.config.schema > schemas/archlint_schemas/config.schema.json"
    )


def test_the_schema_of_a_target_is_a_schema() -> None:
    Draft202012Validator.check_schema(target_schema())


GOOD = """
device = "nvidia-t4"
batch-size = 1
dims = {T = 3}
select = ["RF"]
[training]
optimizer = "adam"
betas = [0.9, 0.95]
[require]
receptive-field = {y = {2 = 128}, z = "250 ms"}
sample-rate = "16 kHz"
weights = "2 MiB"
step-flops = 2e12
[devices.mine]
kind = "mcu"
peak-ops = {int8 = "4 TOPS"}
[[per-file]]
files = ["a/**"]
training.loss = "mse"
"""


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "require.receptive-field = 31",
        "devise = 'x'",
        "batch-size = 0",
        "training.optimizer = 'adm'",
        "training.betas = [0.9]",
        "training.input-gradient = 1",
        "training = 3",
        "require.weights = 'much'",
        "require.receptive-field = 0",
        "require.receptive-field.y.height = 3",
        "devices.mine.memry = 1",
        "devices.mine.kind = 'toaster'",
        "[[per-file]]\nselect = ['RF']",
        "per-file = 3",
        "select = [3]",
    ],
)
def test_schema_and_reader_agree(
    validator: Draft202012Validator, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "archlint.toml"
    path.write_text(text, encoding="utf-8")
    try:
        load_config(path, tmp_path).target_for(tmp_path / "m.onnx")
        taken = True
    except ConfigError:
        taken = False
    assert validator.is_valid(tomllib.loads(text)) is taken
