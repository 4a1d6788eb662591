"""Files that are no models: the message says what they are and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from archlint.sources.onnx_file import read_onnx
from archlint.sources.problem import Problem, Unreadable

if TYPE_CHECKING:
    from pathlib import Path


def zip_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return file.getvalue()


def tar_archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.onnx"))
    return file.getvalue()


def numpy_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (LFS, "Git LFS pointer"),
        (zip_archive(), "zip"),
        (gzip.compress(b"x"), "gzip"),
        (bz2.compress(b"x"), "bzip2"),
        (lzma.compress(b"x"), "xz"),
        (tar_archive(), "tar"),
        (numpy_array(), "NumPy"),
        (safetensors(), "safetensors"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (pickle.dumps({"state": [1, 2]}), "pickle"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(20), "TensorFlow Lite"),
        (b'{"model": []}', "JSON"),
        (b"\xef\xbb\xbf[\n  1\n]", "JSON"),
        (b'[tool.archlint]\ndevice = "nvidia-t4"\n', "plain text"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "web page"),
        (b"<?xml version='1.0'?><net/>", "XML"),
        (b"ir_version: 8\ngraph {\n}\n", "plain text"),
        ("naïve café".encode(), "plain text"),
        (("x" + "é" * 400).encode(), "plain text"),
        ("Hello, world".encode("utf-16"), "plain text"),
        (bytes(range(256)) * 4, "protobuf does not allow"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_that_are_not_models_are_named(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    problem = problem_of(path)
    assert problem.code == "FILE001"
    assert kind in problem.message
    assert problem.help or problem.offset is not None


def problem_of(path: Path) -> Problem:
    with pytest.raises(Unreadable) as caught:
        read_onnx(path)
    (problem,) = caught.value.problems
    return problem


def test_weights_beside_their_model(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    for name in ("net.onnx.data", "net.bin"):
        path = tmp_path / name
        path.write_bytes(bytes(range(200, 256)) * 9)
        with pytest.raises(Unreadable, match=r"perhaps the weights of net\.onnx"):
            read_onnx(path)
    path = tmp_path / "other.bin"
    path.write_bytes(bytes(range(200, 256)) * 9)
    with pytest.raises(Unreadable, match="not in the format of ONNX"):
        read_onnx(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "folder" in problem_of(tmp_path).message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be opened" in problem_of(tmp_path / "gone.onnx").message


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_pipes_and_devices_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "pipe" in problem_of(tmp_path / "pipe.onnx").message
    (tmp_path / "zero.onnx").symlink_to("/dev/zero")
    assert "device" in problem_of(tmp_path / "zero.onnx").message
