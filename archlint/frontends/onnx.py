"""An ONNX file as a ModelProto, without the bytes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archlint.record import record

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

    from archlint.sources.payload import Payload
    from archlint.sources.problem import Problem


@record(eq=False)
class Loaded:
    """A model, where the bytes of its weights are, and what is wrong with its file."""

    model: ModelProto
    payloads: Mapping[str, Payload]
    problems: tuple[Problem, ...]


def load_onnx(path: Path) -> Loaded:
    """Read an ONNX file of any size; a model that cannot be read raises Unreadable."""
    from archlint.sources.onnx_file import read_onnx

    document = read_onnx(path)
    return Loaded(document.model, document.payloads, document.problems)
