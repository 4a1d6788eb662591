"""Finds and repairs text in a model that is not UTF-8, which ONNX requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.sources.problem import Problem
from archlint.sources.problem_kind import TEXT_NOT_UTF_8
from archlint.sources.wire import key, write_field

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx
    from google.protobuf.message import Message


# The field `syntax` of a FileDescriptorProto; where a field occurs twice, the last one counts.
_CHECKING_SYNTAX = write_field(key(12), b"proto3")


def is_valid(skeleton: bytes) -> bool:
    """Whether a model can be parsed and all texts in it are UTF-8.

    ONNX uses proto2 syntax, whose parsers accept any bytes as text. Its description in proto3
    syntax gives a parser that checks texts, at the speed of protobuf.
    """
    import onnx
    from google.protobuf import descriptor_pool, message_factory
    from google.protobuf.message import DecodeError

    description = onnx.ModelProto.DESCRIPTOR.file.serialized_pb
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(description + _CHECKING_SYNTAX)
    model = pool.FindMessageTypeByName(onnx.ModelProto.DESCRIPTOR.full_name)
    try:
        message_factory.GetMessageClass(model).FromString(skeleton)
    except DecodeError:
        return False
    return True


def repair(model: onnx.ModelProto) -> Iterator[Problem]:
    r"""Write the bytes that are not UTF-8 as `\xff`, in all texts of a model; yield a problem.

    Protobuf gives such texts as `bytes` in place of `str`. There is no problem where each of
    them was replaced by a later one in the file.
    """
    repaired = list(_repair(model))
    if not repaired:
        return
    yield Problem(
        TEXT_NOT_UTF_8,
        f"{len(repaired)} text{'s' * (len(repaired) > 1)} in the model "
        f"{'are' if len(repaired) > 1 else 'is'} not UTF-8, the first one is '{repaired[0][:80]}'",
        "export the model again with names in ASCII or UTF-8",
    )


def _repair(message: Message) -> Iterator[str]:
    """Repair the texts of a message and of those in it, and yield each."""
    from google.protobuf.message import Message

    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if isinstance(value, Message) else value:
                yield from _repair(part)
        elif field.type != field.TYPE_STRING:
            continue
        elif isinstance(value, bytes):
            setattr(message, field.name, readable(value))
            yield readable(value)
        elif not isinstance(value, str):
            for index, text in enumerate(value):
                if isinstance(text, bytes):
                    value[index] = readable(text)
                    yield readable(text)


def readable(text: bytes) -> str:
    r"""Return a text with the bytes that are not UTF-8 written as `\xff`."""
    return text.decode(errors="backslashreplace")
