"""Recognizes files that are not ONNX models, with advice for the user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class FileKind(NamedTuple):
    """A kind of file that is commonly mistaken for a model."""

    name: str
    help: str


_EXPORT = "export the model to ONNX"
_UNPACK = "unpack it and check the model inside"

_SIGNATURES: tuple[tuple[int, bytes, FileKind], ...] = (
    (
        0,
        b"version https://git-lfs.github.com/spec/",
        FileKind("a Git LFS pointer; the model itself was not fetched", "run `git lfs pull`"),
    ),
    (0, b"PK\x03\x04", FileKind("a zip archive (PyTorch's .pt files are too)", _EXPORT)),
    (0, b"\x1f\x8b", FileKind("a gzip archive", _UNPACK)),
    (0, b"\x28\xb5\x2f\xfd", FileKind("a zstd archive", _UNPACK)),
    (0, b"\xfd7zXZ\x00", FileKind("an xz archive", _UNPACK)),
    (0, b"BZh", FileKind("a bzip2 archive", _UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", _UNPACK)),
    (257, b"ustar", FileKind("a tar archive", _UNPACK)),
    (0, b"\x89HDF\r\n\x1a\n", FileKind("an HDF5 file (Keras weights?)", _EXPORT)),
    (0, b"\x93NUMPY", FileKind("a NumPy array", _EXPORT)),
    (0, b"GGUF", FileKind("a GGUF file, which has weights but no graph", _EXPORT)),
    (4, b"TFL3", FileKind("a TensorFlow Lite model", "convert it to ONNX")),
    (4, b"ORTM", FileKind("an ONNX Runtime model (.ort)", "check the .onnx file it was made from")),
    (0, b"\x7fELF", FileKind("a program", "name the model file")),
    (0, b"\x89PNG", FileKind("a picture", "name the model file")),
    (0, b"%PDF", FileKind("a PDF document", "name the model file")),
    *(
        (0, bytes((0x80, version)), FileKind("a Python pickle, which is never opened", _EXPORT))
        for version in range(2, 6)
    ),
)


def signature(head: bytes) -> FileKind | None:
    """Return the kind of a file by its first bytes; None where it can be a model."""
    for offset, magic, kind in _SIGNATURES:
        if head.startswith(magic, offset):
            return kind
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30:
        return FileKind("a safetensors file, which has weights but no graph", _EXPORT)
    return None


def text(head: bytes) -> FileKind | None:
    """Return the kind of text that the bytes are; None where they are not text.

    Called only for bytes that are not a model: a short text can be a valid message.
    """
    try:
        start = head.decode("utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None
        start = head[: error.start].decode(errors="replace")
    if any(ord(character) < 32 and character not in "\t\n\r\f\x1b" for character in start):
        return None
    begin = start.lstrip().lower()
    if begin.startswith(("<!doctype html", "<html")):
        return FileKind("a web page, perhaps in place of a download", "download the file itself")
    if begin.startswith("{") or re.match(r"\[\s*[][{\"\d-]", begin):
        return FileKind("JSON text", "export the model as ONNX, which is a binary format")
    if begin.startswith("<"):
        return FileKind("XML text", "export the model as ONNX, which is a binary format")
    return FileKind("plain text", "export the model as ONNX, which is a binary format")


def weights(path: Path) -> FileKind | None:
    """Tell whether a file that is no model lies beside one, with the names that exporters give."""
    for model in (path.with_suffix(""), path.with_suffix(".onnx")):
        if model != path and model.suffix == ".onnx" and model.is_file():
            return FileKind(f"perhaps the weights of {model.name}", f"check {model.name}")
    return None
