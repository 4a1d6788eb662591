"""The ONNX front end: reads a ModelProto without the bytes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

    from archlint.sources.payload import Payload
    from archlint.sources.problem import Problem


class Loaded(Struct, frozen=True, eq=False):
    """A model, the location of its weights' bytes, and the problems of its file."""

    model: ModelProto
    payloads: Mapping[str, Payload]
    problems: tuple[Problem, ...]


def load_onnx(path: Path) -> Loaded:
    """Read an ONNX file of any size; a model that cannot be read raises Unreadable."""
    from archlint.sources.onnx_file import read_onnx

    document = read_onnx(path)
    problems = (*document.problems, *_objections(document.model, document.skeleton))
    return Loaded(document.model, document.payloads, problems)


def _objections(model: ModelProto, written: bytes | None) -> tuple[Problem, ...]:
    """Return the errors of onnx's own checker: opset, arity, attributes, order.

    The checker parses the model as it is `written`, where that is known; else it serializes it.
    """
    from onnx.checker import ValidationError, check_model
    from onnx.defs import onnx_opset_version

    newest = onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in {"", "ai.onnx"} and not 1 <= opset.version <= newest:
            return (_invalid(f"opset {opset.version} is not one of 1 to {newest}, which onnx has"),)
    try:
        check_model(model if written is None else written)
    except ValidationError as error:
        return (_invalid(f"onnx's checker refuses the model: {' '.join(str(error).split())}"),)
    return ()


def _invalid(message: str) -> Problem:
    from archlint.sources.problem import Problem
    from archlint.sources.problem_kind import INVALID_MODEL

    advice = "export the model again; what is found in it may be wrong"
    return Problem(INVALID_MODEL, message, advice)
