"""The `inputs:` section of an architecture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archlint.errors import did_you_mean
from archlint.frontends.architecture.argument import LARGEST
from archlint.frontends.architecture.tensor import Dim, Tensor
from archlint.frontends.architecture.value import Invalid, node_value, node_word
from archlint.sources.yaml_node import Mapping, Node, Scalar, Sequence, resolve

if TYPE_CHECKING:
    from archlint.frontends.architecture.builder import Builder
    from archlint.frontends.architecture.file import File

DTYPES = {
    "float32": 1,
    "int64": 7,
    "int32": 6,
    "bool": 9,
    "float16": 10,
    "bfloat16": 16,
    "float64": 11,
}
"""Element types of inputs, with their `onnx.TensorProto.DataType` numbers."""

_SYMBOL = re.compile(r"[A-Za-z_]\w*\Z")
_WORDS = ("shape", "dtype")


def read_inputs(file: File, builder: Builder) -> dict[str, Tensor | None]:
    """Read the inputs; None stands for one with a problem, which is recorded."""
    node = file.sections.get("inputs")
    if node is None:
        file.problems.add(file.span, "no inputs", "add inputs: {image: [N, 3, 224, 224]}")
        return {}
    inside = resolve(node)
    if not isinstance(inside, Mapping) or not inside.entries:
        file.problems.add(
            node.span, "inputs are a mapping of names to shapes", "write image: [N, 3, 224, 224]"
        )
        return {}
    inputs: dict[str, Tensor | None] = {}
    for entry in inside.merged():
        name = entry.key.text
        try:
            inputs[name] = _tensor(builder.reserve(name), entry.value, file)
        except Invalid as invalid:
            file.problems.add_invalid(invalid)
            inputs[name] = None
    return inputs


def _tensor(name: str, node: Node, file: File) -> Tensor:
    inside = resolve(node)
    dtype = DTYPES["float32"]
    if isinstance(inside, Mapping):
        for entry in inside.merged():
            if entry.key.text not in _WORDS:
                near = did_you_mean(entry.key.text, _WORDS)
                raise Invalid(entry.key.span, f"unknown word of an input: {entry.key.text!r}{near}")
        shape, kind = inside.get("shape"), inside.get("dtype")
        if shape is None:
            raise Invalid(
                node.span, f"the input {name} has no shape", "add shape: [N, 3, 224, 224]"
            )
        if kind is not None:
            dtype = _dtype(kind.value)
        node = shape.value
        inside = resolve(node)
    if not isinstance(inside, Sequence):
        raise Invalid(node.span, f"the shape of {name} is a list", "write [N, 3, 224, 224]")
    return Tensor(name, dtype, tuple(_dim(item, file) for item in inside.items))


def _dtype(node: Node) -> int:
    word = node_word(node, "dtype")
    if word in DTYPES:
        return DTYPES[word]
    raise Invalid(
        node.span,
        f"unknown dtype {word!r}{did_you_mean(word, DTYPES)}",
        "known: " + ", ".join(DTYPES),
    )


def _dim(node: Node, file: File) -> Dim:
    inside = resolve(node)
    value = node_value(node, file.names)
    if isinstance(value, bool) and isinstance(inside, Scalar):
        value = inside.text
    if isinstance(value, int) and 1 <= value <= LARGEST:
        return value
    if isinstance(value, str) and _SYMBOL.match(value):
        return value
    raise Invalid(node.span, f"a dimension is a number from 1 or a name such as N, found {value!r}")
