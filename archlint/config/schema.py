"""The JSON Schema of the configuration, generated from the settings for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.config.settings import DEVICE, PATTERNS, PROJECT, SELECTION, TARGET

if TYPE_CHECKING:
    from archlint.config.kind import Schema
    from archlint.config.setting import Table

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> Schema:
    """Return the schema of `archlint.toml`, and of `[tool.archlint]` in `pyproject.toml`."""
    properties = _properties(TARGET) | _properties(SELECTION) | _properties(PROJECT)
    devices: Schema = {
        "description": "Devices beside those of the catalogue, by name.",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/device"},
    }
    per_file: Schema = {
        "description": "Settings for some files, in addition to those for all.",
        "type": "array",
        "items": {"$ref": "#/$defs/per-file"},
    }
    return {
        "$schema": _DIALECT,
        "$comment": "Do not edit: made by python -m archlint.config.schema",
        "title": "archlint configuration",
        **_object(properties | {"devices": devices, "per-file": per_file}),
        "$defs": {
            "device": _object(_properties(DEVICE)),
            "per-file": {
                **_object(_properties(PATTERNS) | _properties(SELECTION) | _properties(TARGET)),
                "required": ["files"],
            },
        },
    }


def target_schema() -> Schema:
    """Return the schema of the section `target:` of a model."""
    return {
        "description": "What the model is for: device, training settings, requirements.",
        **_object(_properties(TARGET)),
    }


def _properties(table: Table) -> dict[str, Schema]:
    """Return the properties for the keys of `table`, with sections as objects."""
    properties: dict[str, Schema] = {}
    sections: dict[str, dict[str, Schema]] = {}
    for setting in table.settings:
        schema = {"description": setting.doc, **setting.kind.schema()}
        for key in setting.keys:
            section, _, name = key.rpartition(".")
            place = sections.setdefault(section, {}) if section else properties
            place[name] = schema
    return properties | {name: _object(inside) for name, inside in sections.items()}


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


if __name__ == "__main__":
    import json
    import sys

    sys.stdout.write(json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n")
