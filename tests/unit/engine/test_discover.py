"""Paths lead to files, each once and in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlint.engine.discover import discover
from archlint.errors import CannotRun


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_are_walked_for_models(tmp_path: Path) -> None:
    put(tmp_path, "b.onnx", "a/c.arch.yaml", "a/d.yml", "a/readme.md", "E.ONNX")
    found = [item.path.relative_to(tmp_path).as_posix() for item in discover([tmp_path])]
    assert found == ["E.ONNX", "a/c.arch.yaml", "a/d.yml", "b.onnx"]


def test_hidden_and_foreign_folders_are_left_out(tmp_path: Path) -> None:
    put(tmp_path, ".git/a.onnx", ".venv/b.onnx", "node_modules/c.yaml", ".hidden.yaml")
    assert discover([tmp_path]) == []


def test_named_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    put(tmp_path, ".git/model.bin")
    (item,) = discover([tmp_path / ".git" / "model.bin"])
    assert item.named


def test_file_named_beside_its_folder_comes_once(tmp_path: Path) -> None:
    put(tmp_path, "a.onnx")
    (item,) = discover([tmp_path, tmp_path / "a.onnx", tmp_path])
    assert item.named


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no such file or folder"):
        discover([tmp_path / "gone.onnx"])


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "a/b.onnx")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(discover([tmp_path])) == 1
