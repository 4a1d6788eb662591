"""The manual of the configuration: its examples can be read, and it explains every setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archlint.config.loading import load_config
from archlint.config.settings import DEVICE, PROJECT, SELECTION, TARGET
from archlint.engine.comment import comments
from archlint.sources.yaml_document import parse_yaml

MANUAL = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", MANUAL, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_a_configuration(tmp_path: Path, text: str) -> None:
    (tmp_path / "archlint.toml").write_text(text, encoding="utf-8")
    config = load_config(None, tmp_path)
    target = config.target_for(tmp_path / "model.onnx")
    assert target.device is not None


def test_the_first_example_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "archlint.toml").write_text(EXAMPLES[0], encoding="utf-8")
    config = load_config(None, tmp_path)
    edge = tmp_path / "models" / "edge" / "tiny.onnx"
    target = config.target_for(edge)
    assert target.device is not None
    assert target.device.name == "stm32f407"
    assert target.require.receptive_field_of("logits", 2) == 4000
    assert not config.selection_for(edge).includes("MEM001", "training-memory-exceeded")
    assert config.excludes(tmp_path / "third_party" / "net.onnx")


def test_the_suppressions_are_understood() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    found = comments(parse_yaml(text.encode()))
    assert [(each.words, each.unknown) for each in found] == [
        (("MEM001",), ""),
        (("relu-sigma-mismatch",), ""),
        (("RF001",), ""),
        (("ARCH006",), ""),
    ]


def test_every_setting_is_explained_as_the_program_does() -> None:
    settings = (*TARGET.settings, *SELECTION.settings, *PROJECT.settings, *DEVICE.settings)
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", MANUAL, re.MULTILINE)
    assert sorted(rows) == sorted((setting.key, setting.doc) for setting in settings)
