"""Statistics of many tensors at once, against those of each and against NumPy."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.engine.alike_tensors import AlikeTensors
from archlint.engine.stored_numbers import StoredNumbers
from archlint.sources.onnx_file import read_onnx

TYPES = {"float32": np.float32, "float16": np.float16, "float64": np.float64}


def saved(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write a model that stores these arrays."""
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value])
    graph.initializer.extend(tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def numbers_in(path: Path) -> StoredNumbers:
    document = read_onnx(path)
    return StoredNumbers(path, document.model, document.payloads)


@pytest.mark.parametrize("dtype", [*TYPES, "bfloat16"])
@pytest.mark.parametrize("size", [1, 7, 600, 3000])
def test_the_moments_of_many_tensors_are_those_of_each(
    tmp_path: Path, dtype: str, size: int
) -> None:
    random = np.random.default_rng(size)
    kind = TYPES.get(dtype, ml_dtypes.bfloat16)
    arrays = {f"w{at}": random.normal(at, 1 + at, size).astype(kind) for at in range(400)}
    arrays |= {"ones": np.ones(size, kind), "zeros": np.zeros(size, kind)}
    numbers = numbers_in(saved(tmp_path / "m.onnx", arrays))
    for name, array in arrays.items():
        found, exact = numbers.describe(name), array.astype(np.float64)
        assert found is not None
        assert (found.count, found.sampled) == (size, size)
        assert found.mean == pytest.approx(exact.mean(), abs=1e-12)
        assert found.std == pytest.approx(exact.std(), abs=1e-12)
        assert found.second_moment == pytest.approx((exact * exact).mean())
        assert (found.minimum, found.maximum) == (exact.min(), exact.max())
        assert found.zeros == (exact == 0).sum()
        if found.kurtosis is not None:
            centred = exact - exact.mean()
            expected = (centred**4).mean() / (centred**2).mean() ** 2
            assert found.kurtosis == pytest.approx(expected)


def test_what_is_not_finite_is_counted_in_each_tensor(tmp_path: Path) -> None:
    arrays = {f"w{at}": np.full(5, at, np.float32) for at in range(400)}
    arrays["w399"][:3] = np.nan, np.inf, -np.inf
    numbers = numbers_in(saved(tmp_path / "m.onnx", arrays))
    described = {name: numbers.describe(name) for name in arrays}
    last = described.pop("w399")
    assert last is not None
    assert (last.nans, last.infinities, last.mean) == (1, 2, 399)
    assert all(
        found and not found.nans and found.mean == int(name[1:])
        for name, found in described.items()
    )


def test_each_tensor_is_described_once_and_bytes_that_are_gone_by_none(tmp_path: Path) -> None:
    arrays = {f"w{at}": np.full(2000, at, np.float32) for at in range(20)}
    path = saved(tmp_path / "m.onnx", arrays)
    document = read_onnx(path)
    alike = AlikeTensors(path, document.payloads, {})
    first = alike.with_others("w3")
    assert len(first) == 128 * 1024 // 8000
    assert first.keys().isdisjoint(alike.with_others("w19"))
    assert alike.with_others("w3") == {}
    assert alike.with_others("none") == {}
    path.write_bytes(b"")
    assert AlikeTensors(path, document.payloads, {}).with_others("w3") == {}
