"""The skeleton against the parser of onnx itself, on every model that comes with onnx."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, checker, shape_inference

from archlint.sources.limits import Limits
from archlint.sources.onnx_file import read_onnx
from archlint.sources.payload import ELIDED
from onnx_messages import clear_data, tensors_of

MODELS = sorted(Path(onnx.__file__).parent.rglob("*.onnx"))


def stored_bytes(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def test_models_come_with_onnx() -> None:
    assert len(MODELS) > 100


@pytest.mark.parametrize("threshold", [64, 4096])
def test_skeleton_is_the_model_without_its_payloads(threshold: int) -> None:
    payload_count = 0
    for path in MODELS:
        whole = onnx.load_model(path, load_external_data=False)
        document = read_onnx(path, Limits(payload=threshold))
        places = {
            (payload.offset, payload.length): payload for payload in document.payloads.values()
        }
        payload_count += len(places)
        for full, left in zip(tensors_of(whole), tensors_of(document.model), strict=True):
            if left.data_location != TensorProto.EXTERNAL:
                assert len(full.raw_data) < threshold, (path, full.name)
                continue
            assert [entry.value for entry in left.external_data] == [ELIDED]
            payload = next(
                place
                for place in places.values()
                if full.name in {"", place.name}
                and full.raw_data == stored_bytes(path, place.offset, place.length)
            )
            assert payload.field == "raw_data"
            assert payload.dims == tuple(full.dims)
            assert payload.data_type == full.data_type
            del places[payload.offset, payload.length]
            clear_data(full)
            clear_data(left)
        assert not places, path
        assert document.model == whole, path
        assert document.problems == (), path
    assert payload_count > (100 if threshold == 64 else 0)


def test_shape_inference_is_the_same_and_opens_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in MODELS[:40] + [path for path in MODELS if "light" in path.parts]:
        whole = onnx.load_model(path)
        skeleton = read_onnx(path, Limits(payload=64)).model
        expected = shape_inference.infer_shapes(whole, data_prop=False).graph.value_info
        found = shape_inference.infer_shapes(skeleton, data_prop=False).graph.value_info
        assert list(found) == list(expected), path


def test_checker_takes_the_elided_location() -> None:
    path = next(path for path in MODELS if path.name == "light_squeezenet.onnx")
    document = read_onnx(path, Limits(payload=64))
    assert document.payloads
    checker.check_model(document.model)


def test_reading_without_pread_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no pread."""
    path = next(path for path in MODELS if path.name == "light_inception_v2.onnx")
    with_pread = read_onnx(path, Limits(payload=64))
    monkeypatch.delattr(os, "pread", raising=False)
    without = read_onnx(path, Limits(payload=64))
    assert without.model == with_pread.model
    assert without.payloads == with_pread.payloads
