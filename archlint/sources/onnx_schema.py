"""The ONNX messages that the reader looks into: those on the way to tensors.

Field numbers: onnx.proto, whose numbers never change their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from archlint.sources.wire import WireType, key

_VARINT = WireType.VARINT
_FOUR = WireType.FOUR_BYTES
_EIGHT = WireType.EIGHT_BYTES

_UNPACKED_VARINTS = rb"[\x80-\xff]{0,9}[\x00-\x7f])++"


def _run(field_key: int, rest: bytes) -> bytes:
    """Return a pattern for a run of the same field."""
    return b"(?s:" + b"\\x%02x" % field_key + rest


class Child(Struct, frozen=True):
    """A field that holds a message.

    `label` becomes part of the path to a tensor. A field with `once` must not occur twice: protobuf
    would merge the two, and readers disagree about how.
    """

    message: str
    label: str = ""
    once: bool = False


class Message(Struct, frozen=True):
    """What the reader looks at in one kind of message, by field key.

    children: fields that hold messages.
    labels: fields that are read (and kept), with the name they are remembered by.
    runs: patterns for long rows of tiny fields, which are passed over as one.
    """

    children: Mapping[int, Child] = field(default_factory=dict)
    labels: Mapping[int, str] = field(default_factory=dict)
    runs: Mapping[int, bytes] = field(default_factory=dict)


PAYLOADS: Mapping[int, str] = {
    key(4): "float_data",
    key(5): "int32_data",
    key(7): "int64_data",
    key(9): "raw_data",
    key(10): "double_data",
    key(11): "uint64_data",
}
"""The fields of TensorProto that hold elements, each as one range of bytes."""

WIDTHS: Mapping[int, int] = {key(4): 4, key(10): 8}
"""Bytes of an element in the payload fields where protobuf fixes them."""

_FLOATS = {key(7, _FOUR): _run(key(7, _FOUR), rb".{4})++")}
_INTS = {key(8, _VARINT): _run(key(8, _VARINT), _UNPACKED_VARINTS)}

MESSAGES: Mapping[str, Message] = {
    "model": Message(
        {
            key(7): Child("graph", "graph", once=True),
            key(8): Child("leaf"),
            key(14): Child("leaf"),
            key(20): Child("training", "training_info"),
            key(25): Child("function", "functions"),
            key(26): Child("leaf"),
        }
    ),
    "training": Message(
        {
            key(1): Child("graph", "initialization", once=True),
            key(2): Child("graph", "algorithm", once=True),
        }
    ),
    "function": Message(
        {
            key(7): Child("node", "node"),
            key(9): Child("leaf"),
            key(11): Child("attribute", "attribute_proto"),
            key(12): Child("value_info"),
        },
        labels={key(1): "name"},
    ),
    "graph": Message(
        {
            key(1): Child("node", "node"),
            key(5): Child("tensor", "initializer"),
            key(11): Child("value_info"),
            key(12): Child("value_info"),
            key(13): Child("value_info"),
            key(15): Child("sparse", "sparse_initializer"),
        }
    ),
    "node": Message(
        {key(5): Child("attribute")},
        labels={key(2): "output", key(3): "name", key(4): "op_type"},
    ),
    "attribute": Message(
        {
            key(5): Child("tensor", once=True),
            key(6): Child("graph", once=True),
            key(10): Child("tensor"),
            key(11): Child("graph"),
            key(14): Child("type"),
            key(15): Child("type"),
            key(22): Child("sparse", once=True),
            key(23): Child("sparse"),
        },
        labels={key(1): "name"},
        runs=_FLOATS | _INTS,
    ),
    "sparse": Message(
        {
            key(1): Child("tensor", "values", once=True),
            key(2): Child("tensor", "indices", once=True),
        }
    ),
    "tensor": Message(
        runs={
            key(4, _FOUR): _run(key(4, _FOUR), rb".{4})++"),
            key(5, _VARINT): _run(key(5, _VARINT), _UNPACKED_VARINTS),
            key(7, _VARINT): _run(key(7, _VARINT), _UNPACKED_VARINTS),
            key(10, _EIGHT): _run(key(10, _EIGHT), rb".{8})++"),
            key(11, _VARINT): _run(key(11, _VARINT), _UNPACKED_VARINTS),
        },
        labels={
            key(1, _VARINT): "dims",
            key(1): "packed dims",
            key(2, _VARINT): "data_type",
            key(8): "name",
            key(13): "external_data",
            key(14, _VARINT): "data_location",
            **PAYLOADS,
        },
    ),
    "value_info": Message({key(2): Child("type"), key(4): Child("leaf")}),
    "type": Message(
        {
            key(1): Child("tensor_type"),
            key(4): Child("inner_type"),
            key(5): Child("map_type"),
            key(8): Child("tensor_type"),
            key(9): Child("inner_type"),
        }
    ),
    "inner_type": Message({key(1): Child("type")}),
    "map_type": Message({key(2): Child("type")}),
    "tensor_type": Message({key(2): Child("shape")}),
    "shape": Message({key(1): Child("leaf")}),
    "entry": Message(labels={key(1): "key", key(2): "value"}),
    "leaf": Message(),
}
