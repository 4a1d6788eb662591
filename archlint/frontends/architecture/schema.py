"""The JSON Schema of the language, generated from its layers for editors."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from archlint.frontends.architecture.argument import AtLeast, Between
from archlint.frontends.architecture.default import KERAS, PYTORCH
from archlint.frontends.architecture.initializer import CHOICES, KNOWN, SPREADS, choices
from archlint.frontends.architecture.inputs import DTYPES
from archlint.frontends.architecture.layer import REQUIRED
from archlint.frontends.architecture.layers.table import layers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from archlint.frontends.architecture.layer import Layer

    Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION: Schema = {"$ref": "#/$defs/expression"}
_NAMES: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def architecture_schema(target: Mapping[str, object]) -> Schema:
    """Return the schema of an architecture file; `target` is the schema of that section."""
    sections: Schema = {
        "archlint": {"const": 1, "description": "The version of the language."},
        "name": {"type": "string", "description": "The name of the architecture."},
        "description": {"type": "string", "description": "What it is and where it comes from."},
        "parameters": {"$ref": "#/$defs/parameters"},
        "imports": {
            "description": "Other files of the same folder, as blocks, by name.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
        "inputs": _inputs(),
        "defaults": {
            "description": "Default arguments and initializers of layers.",
            "$ref": "#/$defs/layers",
        },
        "blocks": {
            "description": "Groups of layers with parameters, by name.",
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/block"},
        },
        "init": {
            "description": "Whose default initializers apply where a layer states none.",
            "enum": [PYTORCH, KERAS],
        },
        "layers": {"$ref": "#/$defs/layers"},
        "outputs": {
            "description": "The layers that the model returns; the last one by default.",
            "anyOf": [*_NAMES["anyOf"], {"type": "object"}],
        },
        "target": dict(target),
    }
    return {
        "$schema": _DIALECT,
        "$comment": "Do not edit: made by python -m archlint.engine.architecture_schema",
        "title": "archlint architecture",
        **_object(sections, ["archlint", "inputs", "layers"]),
        "$defs": _definitions(),
    }


def _definitions() -> Schema:
    block: Schema = {
        "description": {"type": "string"},
        "parameters": {"$ref": "#/$defs/parameters"},
        "inputs": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "layers": {"$ref": "#/$defs/layers"},
        "output": {"type": "string", "description": "The layer that the block returns."},
    }
    return {
        "expression": {"type": "string", "pattern": r"\$"},
        "parameters": {
            "description": "Names with their defaults, or `required`.",
            "type": "object",
            "propertyNames": {"pattern": r"^[A-Za-z_]\w*$"},
        },
        "block": _object(block, ["layers"]),
        "layers": {
            "description": "Layers, each taking the output of the one before.",
            "type": "array",
            "minItems": 1,
            "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/layer"}]},
        },
        "layer": {
            "type": "object",
            "properties": {
                **_beside(),
                "Sequential": {"$ref": "#/$defs/layers"},
                **{name: _layer(layer) for name, layer in layers().items()},
            },
        },
        "initializer": _initializer(),
    }


def _layer(layer: Layer) -> Schema:
    arguments = {
        argument.name: _with_default(_kind(argument.kind), argument.default)
        for argument in layer.arguments.values()
    }
    needed = [one.name for one in layer.arguments.values() if one.default is REQUIRED]
    schema = _object(arguments, needed)
    # What a `defaults` section gives need not be given again, so nothing is required here.
    del schema["required"]
    return {"description": layer.summary, **schema, "type": ["object", "null"]}


def _with_default(schema: Schema, default: object) -> Schema:
    if default is REQUIRED or default is None:
        return schema
    return {**schema, "default": list(default) if isinstance(default, tuple) else default}


def _kind(kind: Any) -> Schema:  # noqa: ANN401 - a kind is whatever an annotation may be
    """Return the schema of a kind of argument; every argument may be an expression."""
    return {"anyOf": [*_alternatives(kind), _EXPRESSION]}


def _alternatives(kind: Any) -> list[Schema]:  # noqa: ANN401 - as _kind
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return [_bounded(schema, inside[1:]) for schema in _alternatives(inside[0])]
    if origin in {Union, types.UnionType}:
        return [schema for part in inside for schema in _alternatives(part)]
    if origin is Literal:
        return [{"enum": list(inside)}]
    if origin is tuple:
        return [{"type": "array", "items": _kind(inside[0])}]
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return [{"type": names.get(kind, "null")}]


def _bounded(schema: Schema, bounds: tuple[object, ...]) -> Schema:
    if schema.get("type") == "array":
        inner = [_bounded(item, bounds) for item in schema["items"]["anyOf"]]
        return {**schema, "items": {"anyOf": inner}}
    for bound in bounds:
        if isinstance(bound, AtLeast) and schema.get("type") == "integer":
            schema = {**schema, "minimum": bound.minimum}
        if isinstance(bound, Between) and schema.get("type") == "number":
            schema = {**schema, "minimum": bound.low, "maximum": bound.high}
    return schema


def _beside() -> Schema:
    initializer = _initializers()
    adapter: Schema = {"r": _kind(int), "alpha": _kind(float)}
    return {
        "name": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_-]*$"},
        "from": {**_NAMES, "description": "The inputs; the previous layer by default."},
        "if": {
            **_kind(bool),
            "description": "Whether the layer is built; if not, it passes its input on.",
        },
        "repeat": {
            **_kind(int),
            "description": "The number of copies; `$index` counts them from 0.",
        },
        "init": {**initializer, "description": "The initializer of the weight."},
        "bias_init": {**initializer, "description": "The initializer of the bias."},
        "frozen": {**_kind(bool), "description": "Whether the weights are not trained."},
        "tie": {"type": "string", "description": "The layer whose weight is shared."},
        "lora": {**_object(adapter, ["r"]), "description": "A low-rank adapter (LoRA)."},
    }


def _initializer() -> Schema:
    named: Schema = {}
    for name, settings in KNOWN.items():
        properties = {
            setting: {
                "anyOf": [{"enum": list(choices(name, setting))}, _EXPRESSION],
                "default": default,
            }
            if setting in CHOICES
            else {
                **_kind(float),
                **({"minimum": 0} if setting in SPREADS else {}),
                "default": default,
            }
            for setting, default in settings.items()
        }
        schema = {**_object(properties, []), "type": ["object", "null"]}
        named[name] = {"anyOf": [schema, _kind(float)]} if name == "constant" else schema
    one = {**_object(named, []), "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [{"enum": list(KNOWN)}, one]}


def _initializers() -> Schema:
    """Return the schema of one initializer for all weights of a layer, or one per weight."""
    one: Schema = {"$ref": "#/$defs/initializer"}
    each: Schema = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"not": {"enum": list(KNOWN)}},
        "additionalProperties": one,
    }
    return {"anyOf": [one, each]}


def _inputs() -> Schema:
    shape: Schema = {
        "type": "array",
        "items": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]},
    }
    declared = _object({"shape": shape, "dtype": {"enum": list(DTYPES)}}, ["shape"])
    return {
        "description": "The inputs by name, with their shapes; a word is a symbolic dimension.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"anyOf": [shape, declared]},
    }


def _object(properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
