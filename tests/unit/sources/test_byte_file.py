"""Files are read by position on every system: with pread, and where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archlint.sources.byte_file import ByteFile
from archlint.sources.external import Refused, external_stat, open_external
from archlint.sources.problem import Unreadable


@pytest.fixture(params=["as here", "as on Windows"])
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of bytes that are their own place."""
    if request.param == "as on Windows":
        for name in ("pread", "preadv", "O_NOFOLLOW", "O_NONBLOCK"):
            monkeypatch.delattr(os, name, raising=False)
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(range(256)))
    return path


def test_bytes_come_from_where_they_are(data: Path) -> None:
    with ByteFile.open(data) as file:
        assert file.size == 256
        assert file.read(100, 3) == bytes([100, 101, 102])
        view = bytearray(4)
        file.read_into(memoryview(view), 250)
        assert view == bytes([250, 251, 252, 253])
        assert file.read(0, 1) == b"\0"


def test_a_file_that_shrinks_is_told(data: Path) -> None:
    with ByteFile.open(data) as file:
        data.write_bytes(b"abc")
        with pytest.raises(Unreadable, match="became shorter"):
            file.read(2, 9)
        with pytest.raises(Unreadable, match="became shorter"):
            file.read_into(memoryview(bytearray(9)), 2)


def test_an_error_of_the_system_is_one_of_the_file(data: Path) -> None:
    file = ByteFile.open(data)
    os.close(file._file.fileno())  # as a disk that is taken out
    try:
        with pytest.raises(Unreadable, match="cannot be read"):
            file.read(0, 1)
        with pytest.raises(Unreadable, match="cannot be read"):
            file.read_into(memoryview(bytearray(1)), 0)
    finally:
        with pytest.raises(OSError):  # noqa: PT011 - it is closed already
            file.close()


def test_weights_are_opened_and_links_are_not(data: Path) -> None:
    with open_external(data.parent, data.name) as file:
        assert file.read(7, 1) == b"\x07"
    try:
        (data.parent / "link.bin").symlink_to(data)
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(Refused, match="symbolic link"):
        open_external(data.parent, "link.bin")


@pytest.mark.parametrize(
    "location", ["c:weights.bin", "C:/weights.bin", "nul", "a/COM1.bin", "file:stream", "a\\b"]
)
def test_names_that_mean_something_else_on_windows(
    tmp_path: Path, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        with pytest.raises(Refused):
            external_stat(tmp_path, location)
