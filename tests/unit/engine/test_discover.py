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


def test_file_named_in_two_ways_comes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.onnx")
    monkeypatch.chdir(tmp_path)
    (item,) = discover([Path(), tmp_path / "a.onnx", Path(f"../{tmp_path.name}/a.onnx")])
    assert item.shown == "a.onnx"
    assert item.named


def test_link_is_a_file_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, "a.onnx")
    (tmp_path / "b.onnx").symlink_to("a.onnx")
    assert len(discover([tmp_path])) == 2


def test_a_path_that_is_missing_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no such file or folder"):
        discover([tmp_path / "gone.onnx"])


def test_patterns_are_read_where_no_shell_does(tmp_path: Path) -> None:
    put(tmp_path, "a.onnx", "b/c.onnx", "b/d/e.onnx", "b/weights.bin", "odd[1].onnx")
    found = discover([tmp_path / "*.onnx", tmp_path / "b" / "**" / "*.onnx"])
    names = [item.path.relative_to(tmp_path).as_posix() for item in found]
    assert names == ["a.onnx", "b/c.onnx", "b/d/e.onnx", "odd[1].onnx"]
    assert all(item.named for item in found)
    assert len(discover([tmp_path / "odd[1].onnx"])) == 1
    with pytest.raises(CannotRun, match="no file or folder matches"):
        discover([tmp_path / "*.pt"])


def test_standard_input_is_no_file() -> None:
    with pytest.raises(CannotRun, match="standard input is not supported"):
        discover([Path("-")])


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "a/b.onnx")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(discover([tmp_path])) == 1
