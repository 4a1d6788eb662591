"""A payload: where the bytes of a stored tensor are."""

from __future__ import annotations

from msgspec import Struct

ELIDED = "#elided"
"""The external location of a tensor whose bytes were left out.

onnx's checker and shape inference open no file for a location that starts with `#`.
"""


class Payload(Struct, frozen=True):
    """The bytes of one stored tensor, known by their place.

    name: the tensor's name; for the value of a Constant node, the name of the node's output.
    data_type: `onnx.TensorProto.DataType` number, as the file gives it.
    dims: the dimensions, as the file gives them (a broken file may hold negative ones).
    field: the field of TensorProto that holds the bytes (`raw_data`, `float_data`, ...);
        `external` when they are in a file of their own.
    offset, length: bytes from the start of the file. A length of -1 means: to the end of the file.
    location: the name of the external file as the model gives it, None for inline bytes.
    where: keys from the model to the tensor, such as ("graph", "initializer").
    """

    name: str
    data_type: int
    dims: tuple[int, ...]
    field: str
    offset: int
    length: int
    location: str | None
    where: tuple[str, ...]
