"""External weight files: found, measured and guarded, but not opened by the reader."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import TensorProto, helper

from archlint.findings import Severity
from archlint.sources.external import Refused, external_stat, open_external
from archlint.sources.onnx_file import OnnxDocument, read_onnx
from archlint.sources.payload import ELIDED
from archlint.sources.problem import Problem, Unreadable
from archlint.sources.statistics import statistics

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = np.linspace(-1, 1, 1000, dtype=np.float32)


def document(folder: Path, **external: str) -> OnnxDocument:
    """Write and read a model whose one weight is in another file."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1000])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in external.items():
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    graph = helper.make_graph(
        [helper.make_node("Neg", ["w"], ["y"])],
        "g",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1000])],
        [weight],
    )
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return read_onnx(path)


def problem(folder: Path, **external: str) -> Problem:
    found = document(folder, **external)
    assert found.model.graph.node[0].op_type == "Neg"
    (only,) = found.problems
    return only


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder for a model, with weights in it and a secret next to it."""
    (tmp_path / "secret").write_bytes(bytes(4000))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "weights.bin").write_bytes(bytes(96) + NUMBERS.tobytes())
    return inside


@pytest.mark.parametrize(
    ("name", "offset"), [("weights.bin", "96"), ("./weights.bin", "0"), (".//weights.bin", "1")]
)
def test_files_in_the_folder_are_fine(folder: Path, name: str, offset: str) -> None:
    found = document(folder, location=name, offset=offset, length="4000")
    assert found.problems == ()
    payload = found.payloads["w"]
    assert (payload.location, payload.offset, payload.length) == (name, int(offset), 4000)
    entries = found.model.graph.initializer[0].external_data
    assert [(entry.key, entry.value) for entry in entries] == [("location", ELIDED)]


def test_the_reader_does_not_open_weight_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = os.open

    def spy(path: str, *arguments: int) -> int:
        opened.append(os.fspath(path))
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", spy)
    document(folder, location="weights.bin", offset="96", length="4000")
    assert opened
    assert not [path for path in opened if "weights" in path]


def test_a_missing_file_is_one_warning_for_all_its_tensors(folder: Path) -> None:
    missing = problem(folder, location="gone.bin")
    assert (missing.code, missing.severity) == ("FILE002", Severity.WARNING)
    assert "gone.bin" in missing.message


def test_a_file_that_is_too_short_is_an_error(folder: Path) -> None:
    short = problem(folder, location="weights.bin", offset="97", length="4000")
    assert (short.code, short.severity) == ("FILE002", Severity.ERROR)
    assert "4,096" in short.message
    assert "4,097" in short.message
    assert "cut off" in short.help


def test_a_pointer_in_place_of_the_weights_is_guessed(folder: Path) -> None:
    """By its size: the file is not opened."""
    lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{'0' * 64}", "size 4096")
    (folder / "weights.bin").write_text("\n".join((*lines, "")), encoding="utf-8", newline="\n")
    short = problem(folder, location="weights.bin", offset="0", length="4096")
    assert (short.code, short.severity) == ("FILE002", Severity.ERROR)
    assert "git lfs pull" in short.help


def test_a_stretch_of_a_wrong_length_is_an_error(folder: Path) -> None:
    assert problem(folder, location="weights.bin", offset="0", length="2000").code == "FILE004"


@pytest.mark.parametrize("text", ["-1", "1e3", "", "9" * 5000, "0x10", "\u0663"])
def test_offsets_that_are_no_numbers(folder: Path, text: str) -> None:
    assert problem(folder, location="weights.bin", offset=text).code == "FILE003"


def test_an_unknown_key_is_a_warning(folder: Path) -> None:
    found = problem(folder, location="weights.bin", offset="96", length="4000", __class__="x")
    assert (found.code, found.severity) == ("FILE003", Severity.WARNING)


REFUSED = [
    "",
    "/etc/passwd",
    "\\\\server\\share",
    "C:/weights.bin",
    "c:weights.bin",
    "../secret",
    "a/../../secret",
    "./../secret",
    "..\\secret",
    "sub/..",
    "weights.bin/",
    ".",
    "#weights",
    "w\0eights.bin",
    "weights.bin/x",
    "folder",
]


@pytest.mark.parametrize("location", REFUSED)
def test_places_outside_and_things_that_are_no_files(folder: Path, location: str) -> None:
    (folder / "folder").mkdir()
    found = problem(folder, location=location)
    assert (found.code, found.severity) == ("FILE003", Severity.ERROR)
    with pytest.raises(Refused):
        open_external(folder, location)


def test_very_long_names_are_refused(folder: Path) -> None:
    assert problem(folder, location="a" * 100_000).code == "FILE003"
    assert problem(folder, location="a/" * 5_000 + "b").code in {"FILE002", "FILE003"}


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@posix
class TestLinks:
    """Links are refused with a warning: caches use them, and attackers too."""

    def test_a_symbolic_link_is_a_warning(self, folder: Path) -> None:
        (folder / "link.bin").symlink_to(folder / "weights.bin")
        found = problem(folder, location="link.bin")
        assert (found.code, found.severity) == ("FILE003", Severity.WARNING)
        assert "symbolic link" in found.message

    def test_symbolic_links_inside_the_path_are_refused(self, folder: Path) -> None:
        (folder / "up").symlink_to(folder.parent)
        assert problem(folder, location="up/secret").code == "FILE003"

    def test_a_hard_link_is_refused(self, folder: Path) -> None:
        (folder / "hard.bin").hardlink_to(folder.parent / "secret")
        assert "hard link" in problem(folder, location="hard.bin").message

    def test_pipe_does_not_hold_the_run(self, folder: Path) -> None:
        os.mkfifo(folder / "pipe.bin")
        assert "pipe" in problem(folder, location="pipe.bin").message
        with pytest.raises(Refused):
            open_external(folder, "pipe.bin")

    def test_exchanged_between_look_and_open(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look = external_stat(folder, "weights.bin")
        (folder / "weights.bin").unlink()
        (folder / "weights.bin").write_bytes(bytes(4096))
        (folder / "other.bin").write_bytes(bytes(4096))
        monkeypatch.setattr("archlint.sources.external.external_stat", lambda *_: look)
        if os.stat(folder / "weights.bin").st_ino != look.st_ino:  # noqa: PTH116 - the number matters
            with pytest.raises(Refused, match="replaced"):
                open_external(folder, "weights.bin")
        with pytest.raises(Refused, match="replaced"):
            open_external(folder, "other.bin")


def test_statistics_read_external_files_through_the_guard(folder: Path) -> None:
    found = document(folder, location="weights.bin", offset="96", length="4000")
    measured = statistics(found.path, found.payloads["w"])
    assert measured.mean == pytest.approx(float(NUMBERS.mean(dtype=np.float64)), abs=1e-12)
    assert measured.std == pytest.approx(float(NUMBERS.std(dtype=np.float64)))


@pytest.mark.parametrize("location", ["gone.bin", *REFUSED])
def test_statistics_of_what_is_refused(folder: Path, location: str) -> None:
    found = document(folder, location=location)
    with pytest.raises(Unreadable):
        statistics(found.path, found.payloads["w"])
