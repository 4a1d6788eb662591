"""Reads an ONNX file without the bytes of its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.sources import file_kind, utf8
from archlint.sources.byte_file import ByteFile
from archlint.sources.limits import Limits
from archlint.sources.payload_check import check_keys, check_payloads, check_size
from archlint.sources.problem import FETCH_AGAIN, Problem, Unreadable, not_onnx, unreadable
from archlint.sources.skeleton import Skeleton
from archlint.sources.stored_tensor import by_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import onnx

    from archlint.sources.payload import Payload

_LIMITS = Limits()
_HEAD = 512


class OnnxDocument(Struct, frozen=True, eq=False):
    """One ONNX file: its model without large payloads, and the location of these.

    `model` is a real ModelProto. Every tensor of 4096 bytes or more, and every tensor whose bytes
    are in another file, has `data_location` EXTERNAL and the location `#elided`; smaller tensors
    are complete. `payloads` gives the location of the bytes of each such tensor, by the tensor's
    name; for the value of a Constant node, by the name of the node's output. `problems` are those
    that did not prevent reading. `size` is the length of the file in bytes. `skeleton` is the model
    as it was parsed, None where its text had to be repaired.
    """

    path: Path
    model: onnx.ModelProto
    payloads: Mapping[str, Payload]
    problems: tuple[Problem, ...]
    size: int
    skeleton: bytes | None = None


def read_onnx(path: Path, limits: Limits = _LIMITS) -> OnnxDocument:
    """Read an ONNX file of any size at the cost of its graph; raises Unreadable.

    External weight files are stat-ed, but never opened.
    """
    with ByteFile.open(path) as file:
        head = _head(file)
        try:
            skeleton = Skeleton(file, limits)
            content = bytes(skeleton.read())
            model, text_problems = _parse(content, file, limits)
        except Unreadable:
            if kind := file_kind.text(head) or file_kind.weights(path):
                raise _not_a_model(kind) from None
            raise
        payloads = by_name(skeleton.tensors)
        key_problems = check_keys(skeleton.tensors)
        found = (*check_size(file.size), *check_payloads(path.parent, payloads))
        problems = (*text_problems, *key_problems, *found)
        parsed = None if text_problems else content
        return OnnxDocument(path, model, payloads, problems, file.size, parsed)


def _head(file: ByteFile) -> bytes:
    """Return the first bytes of a file; raises Unreadable for a known kind of non-model."""
    if file.size == 0:
        raise unreadable("the file is empty", FETCH_AGAIN)
    head = file.read(0, min(_HEAD, file.size))
    if kind := file_kind.signature(head):
        raise _not_a_model(kind)
    return head


def _not_a_model(kind: file_kind.FileKind) -> Unreadable:
    return unreadable(f"not an ONNX model: it is {kind.name}", kind.help)


def _parse(
    skeleton: bytes, file: ByteFile, limits: Limits
) -> tuple[onnx.ModelProto, tuple[Problem, ...]]:
    """Parse the model without its payloads."""
    import onnx
    from google.protobuf.message import DecodeError

    clean = utf8.is_valid(skeleton)
    try:
        model = onnx.ModelProto.FromString(skeleton)
    except DecodeError:
        # The fault is in a message that was copied unread: look into every one for its place.
        Skeleton(file, Limits(1, limits.fields, limits.skeleton, limits.nesting)).read()
        raise not_onnx() from None
    if not model.HasField("graph"):
        raise unreadable(
            "not an ONNX model: it has no graph",
            "It may be another protobuf file, for example a tensor or a TensorFlow graph",
        )
    return model, () if clean else tuple(utf8.repair(model))
