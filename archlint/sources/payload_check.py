"""Checks the location and the size of stored tensors without reading their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.findings import Severity
from archlint.quantity import format_bytes
from archlint.sources.element_type import expected_length
from archlint.sources.external import Refused, external_stat
from archlint.sources.problem import Problem
from archlint.sources.problem_kind import (
    EXTERNAL_DATA_MISSING,
    EXTERNAL_DATA_REFUSED,
    OVERSIZED_PROTOBUF,
    TENSOR_SIZE_MISMATCH,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from archlint.sources.payload import Payload
    from archlint.sources.stored_tensor import StoredTensor

_KEYS = frozenset({"location", "offset", "length", "checksum", "basepath"})
_LARGEST = 2**31 - 1  # bytes of a message of protobuf, whose lengths are signed, of 32 bits
_SHOWN = 200  # longest name to print, since a hostile file may contain very long ones

_CUT_OFF = "the file was cut off, or belongs to another version of the model"
_POINTER = "so small a file may be a Git LFS pointer: run `git lfs pull`"
_POINTER_BYTES = 200  # a pointer has some 130 bytes


def check_size(size: int) -> Iterator[Problem]:
    """Yield a problem if a model of `size` bytes, without external files, is too large."""
    if size > _LARGEST:
        yield Problem(
            OVERSIZED_PROTOBUF,
            f"the file has {format_bytes(size)}, and protobuf reads none of 2 GiB or more, nor do "
            "runtimes that are built on it",
            "write the weights to a file beside it: torch.onnx.export with external_data=True, or "
            "onnx.save with save_as_external_data=True",
        )


def check_payloads(folder: Path, payloads: Mapping[str, Payload]) -> Iterator[Problem]:
    """Yield problems with the location of payloads; external files are stat-ed, not opened."""
    by_location: dict[str, list[Payload]] = {}
    for payload in payloads.values():
        if payload.location is None:
            yield from _check_length(payload, payload.length)
        else:
            by_location.setdefault(payload.location, []).append(payload)
    for location, tensors in by_location.items():
        yield from _check_file(folder, location, tensors)


def check_keys(tensors: Iterable[StoredTensor]) -> Iterator[Problem]:
    """Yield one problem if external_data has keys that ONNX does not define (CVE-2026-34445)."""
    unknown = {
        key: tensor.name for tensor in tensors for key in tensor.external if key not in _KEYS
    }
    for key, tensor in list(unknown.items())[:1]:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        yield Problem(
            EXTERNAL_DATA_REFUSED,
            f"external data has the unknown key '{key[:60]}'{more}; unknown keys are not used",
            f"ONNX knows {', '.join(sorted(_KEYS))}",
            tensor=tensor,
            stated=Severity.WARNING,
        )


def _check_file(folder: Path, location: str, tensors: list[Payload]) -> Iterator[Problem]:
    size = _size(folder, location, tensors)
    if isinstance(size, Problem):
        yield size
        return
    short: list[Payload] = []
    for payload in tensors:
        if payload.offset < 0 or payload.length < -1:
            yield Problem(
                EXTERNAL_DATA_REFUSED,
                f"the offset or length of tensor '{payload.name}' in '{location[:_SHOWN]}' is not "
                "a byte count",
                "write the model again with the tool that made it",
                tensor=payload.name,
            )
            continue
        length = payload.length if payload.length >= 0 else max(size - payload.offset, 0)
        if payload.offset + length > size:
            short.append(payload)
        else:
            yield from _check_length(payload, length)
    if short:
        needed = max(payload.offset + payload.length for payload in short)
        yield Problem(
            EXTERNAL_DATA_MISSING,
            f"the file '{location[:_SHOWN]}' has {size:,} bytes, but {len(short)} of its tensors "
            f"need bytes up to {needed:,}",
            _POINTER if 0 < size <= _POINTER_BYTES else _CUT_OFF,
            tensor=short[0].name,
            stated=Severity.ERROR,
        )


def _size(folder: Path, location: str, tensors: list[Payload]) -> int | Problem:
    """Return the bytes of an external file, or why it is not looked at."""
    file = f"the file '{location[:_SHOWN]}'"
    of = f"the weights of {len(tensors)} tensor{'s' * (len(tensors) > 1)}"
    first = tensors[0].name
    try:
        return external_stat(folder, location).st_size
    except FileNotFoundError:
        return Problem(
            EXTERNAL_DATA_MISSING,
            f"{file} with {of} is missing",
            "put it next to the model; everything that needs no weight values was checked",
            tensor=first,
        )
    except Refused as refused:
        return Problem(
            EXTERNAL_DATA_REFUSED,
            f"{file} with {of} is not read: {refused.reason}",
            "put a copy of the file next to the model"
            if refused.link
            else "keep weights in a plain file in the model's folder, named by a relative path",
            tensor=first,
            stated=Severity.WARNING if refused.link else None,
        )


def _check_length(payload: Payload, length: int) -> Iterator[Problem]:
    expected = expected_length(payload)
    if expected is not None and expected != length:
        yield Problem(
            TENSOR_SIZE_MISMATCH,
            f"tensor '{payload.name}' with dimensions {list(payload.dims)} needs {expected:,} "
            f"bytes, but {length:,} are stored",
            "write the model again with the tool that made it",
            offset=payload.offset if payload.location is None else None,
            tensor=payload.name,
        )
