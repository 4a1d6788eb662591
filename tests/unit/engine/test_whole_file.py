"""Files are replaced as a whole, and what is no file is not replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from archlint.engine.whole_file import write_whole
from archlint.errors import CannotRun


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotRun, match="folder: cannot be written: Is a directory"):
        write_whole(tmp_path / "folder", b"new")
    with pytest.raises(CannotRun, match="No such file or directory"):
        write_whole(tmp_path / "missing" / "net.onnx", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
