"""Writes an architecture file as an ONNX file with weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.engine.inspection import one_file, refusal
from archlint.engine.load import is_yaml
from archlint.engine.whole_file import write_whole
from archlint.errors import CannotRun
from archlint.sources.problem import Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

    from archlint.report.outcome import Outcome


def export(source: Path, output: Path, seed: int) -> Outcome | None:
    """Write the model that `source` describes, and return the problems of `source`, if any.

    Weights are drawn from their initializers: the same `seed` gives the same file. Raises
    `CannotRun` for a source that is not text, and where `output` cannot be written or is `source`.
    """
    from archlint.frontends.architecture import compile_architecture
    from archlint.frontends.architecture.export import export as with_weights
    from archlint.sources.yaml_document import read_yaml

    candidate = one_file(source)
    if not is_yaml(source):
        raise CannotRun(f"{source}: not an architecture file: name one such as net.arch.yaml")
    if output.exists() and output.samefile(source):
        raise CannotRun(f"{output}: the model would overwrite its architecture file")
    try:
        architecture = compile_architecture(read_yaml(source), source.parent)
    except Unreadable as error:
        return refusal(candidate, error)
    except OSError as error:
        raise CannotRun(f"{source}: cannot be read: {error.strerror or error}") from error
    try:
        model = with_weights(architecture, seed)
    except ValueError as error:
        raise CannotRun(f"{source}: {error}") from error
    _write(model, output)
    return None


def _write(model: ModelProto, output: Path) -> None:
    from google.protobuf.message import EncodeError

    try:
        content = model.SerializeToString()
    except (ValueError, EncodeError) as error:
        raise CannotRun(f"{output}: the model does not fit in one file of 2 GiB") from error
    write_whole(output, content)
