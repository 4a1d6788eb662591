"""Patterns of paths."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest

from archlint.config.pattern import path_matches


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.onnx", "m.onnx", True),
        ("*.onnx", "a/b/m.onnx", True),
        ("*.onnx", "m.onnx.txt", False),
        ("old", "old/m.onnx", True),
        ("old/", "a/old/m.onnx", True),
        ("old", "older/m.onnx", False),
        ("a/*.onnx", "a/m.onnx", True),
        ("a/*.onnx", "a/b/m.onnx", False),
        ("a/*.onnx", "x/a/m.onnx", False),
        ("a/**", "a/b/m.onnx", True),
        ("a/**/m.onnx", "a/m.onnx", True),
        ("a/**/m.onnx", "a/b/c/m.onnx", True),
        ("**/m.onnx", "m.onnx", True),
        ("./a/m.onnx", "a/m.onnx", True),
        ("/a", "a/m.onnx", True),
        ("/a", "b/a/m.onnx", False),
        ("m?.onnx", "m1.onnx", True),
        ("m?.onnx", "m/.onnx", False),
        ("a+b(c).onnx", "a+b(c).onnx", True),
    ],
)
def test_a_pattern_matches_paths(pattern: str, path: str, matches: bool) -> None:
    assert path_matches(PurePosixPath(path), pattern) is matches


@pytest.mark.parametrize("pattern", ["models/edge/**", r"models\edge\**", r".\models\edge"])
def test_patterns_and_paths_of_windows(pattern: str) -> None:
    assert path_matches(PureWindowsPath(r"models\edge\a.onnx"), pattern)
    assert not path_matches(PureWindowsPath(r"models\other\a.onnx"), pattern)
