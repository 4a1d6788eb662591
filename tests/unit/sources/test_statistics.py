"""Statistics of payloads against numpy and onnx, for every element type."""

from __future__ import annotations

import math
import tracemalloc
from typing import TYPE_CHECKING

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.sources import element_type
from archlint.sources.element_type import BITS
from archlint.sources.onnx_file import read_onnx
from archlint.sources.payload import Payload
from archlint.sources.problem import Unreadable
from archlint.sources.statistics import Statistics, statistics, tensor_statistics

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

COMPLEX = {TensorProto.COMPLEX64, TensorProto.COMPLEX128}


def stored(tmp_path: Path, tensor: TensorProto) -> tuple[Path, Payload]:
    """Write a model with one large weight, and return the place of its bytes."""
    graph = helper.make_graph([], "g", [], [], [tensor])
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    (payload,) = read_onnx(path).payloads.values()
    return path, payload


def expect(found: Statistics, numbers: NDArray[np.float64]) -> None:
    """Compare with what numpy says about the same numbers."""
    finite = numbers[np.isfinite(numbers)]
    assert found.sampled == numbers.size
    assert found.nans == np.isnan(numbers).sum()
    assert found.infinities == np.isinf(numbers).sum()
    assert found.positive_infinities == np.isposinf(numbers).sum()
    assert found.zeros == (numbers == 0).sum()
    if not finite.size:
        assert found.mean is found.std is found.kurtosis is found.minimum is None
        return
    mean, variance = finite.mean(), finite.var()
    scale = np.abs(finite).max()
    assert found.minimum == finite.min()
    assert found.maximum == finite.max()
    assert found.mean == pytest.approx(mean, rel=1e-9, abs=1e-12 * scale)
    assert found.std == pytest.approx(math.sqrt(variance), rel=1e-9, abs=1e-12 * scale)
    assert found.second_moment == pytest.approx((finite**2).mean(), rel=1e-9)
    assert found.kurtosis == pytest.approx(((finite - mean) ** 4).mean() / variance**2, rel=1e-6)


def test_element_types_have_the_numbers_of_onnx() -> None:
    known = {name: number for name, number in TensorProto.DataType.items() if number}
    assert known == {name: getattr(element_type, name) for name in known}


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("data_type", sorted(BITS), ids=TensorProto.DataType.Name)
def test_statistics_are_those_of_numpy_for_every_type(
    tmp_path: Path, data_type: int, raw: bool
) -> None:
    numbers = np.random.default_rng(data_type).normal(1, 3, 40_003)
    dtype = helper.tensor_dtype_to_np_dtype(data_type)
    if data_type == TensorProto.BOOL:
        numbers = np.maximum(np.trunc(numbers), 0)
    elif data_type in {TensorProto.UINT2, TensorProto.UINT4}:
        numbers = np.abs(numbers) % 4
    elif dtype.kind == "u":
        numbers = np.abs(numbers * 10)
    elif data_type == TensorProto.INT2:
        numbers = np.clip(numbers, -2, 1)
    elif data_type == TensorProto.FLOAT8E8M0:
        numbers = np.abs(numbers)
    if data_type in COMPLEX:
        numbers = numbers + 1j * numbers[::-1]
    array = numbers.astype(dtype)
    if raw:
        tensor = numpy_helper.from_array(array, "w")
        assert tensor.data_type == data_type
    else:
        values = array if data_type in COMPLEX else array.astype(np.float64)
        tensor = helper.make_tensor("w", data_type, array.shape, values)
    path, payload = stored(tmp_path, tensor)
    assert (payload.field == "raw_data") == raw
    whole = numpy_helper.to_array(tensor)
    if data_type in COMPLEX:
        whole = whole.view(whole.real.dtype)
    found = statistics(path, payload, exact=True)
    expect(found, whole.astype(np.float64))
    assert found.exact
    same = tensor_statistics(tensor)
    assert (same.count, same.minimum, same.zeros) == (found.count, found.minimum, found.zeros)
    assert same.mean == pytest.approx(found.mean)


@pytest.mark.parametrize("code", [17, 18, 19, 20, 23, 24, 27, 28])
def test_every_value_of_the_small_floats(tmp_path: Path, code: int) -> None:
    """All codes, among them every NaN, infinity and both zeros."""
    dtype = helper.tensor_dtype_to_np_dtype(code)
    codes = np.arange(1 << BITS[code], dtype=np.uint8)
    array = np.tile(codes, 65_536 // len(codes)).view(dtype)
    path, payload = stored(tmp_path, numpy_helper.from_array(array, "w"))
    expect(statistics(path, payload), array.astype(np.float64))


def test_numbers_that_are_not_finite_are_counted_and_left_out(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).normal(size=200_000).astype(np.float32)
    numbers[::7], numbers[::11], numbers[5::13], numbers[-3:] = np.nan, np.inf, -np.inf, 0
    path, payload = stored(tmp_path, numpy_helper.from_array(numbers, "w"))
    expect(statistics(path, payload, exact=True), numbers.astype(np.float64))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_statistics_without_a_finite_number(tmp_path: Path, value: float) -> None:
    numbers = np.full(5000, value, np.float32)
    path, payload = stored(tmp_path, numpy_helper.from_array(numbers, "w"))
    expect(statistics(path, payload), numbers.astype(np.float64))


def test_a_mean_far_from_zero_costs_no_digits(tmp_path: Path) -> None:
    numbers = 1e8 + np.random.default_rng(2).normal(size=300_000)
    path, payload = stored(tmp_path, numpy_helper.from_array(numbers, "w"))
    found = statistics(path, payload, exact=True)
    assert found.std == pytest.approx(numbers.std(), rel=1e-9)
    assert found.kurtosis == pytest.approx(3, abs=0.05)


def test_moments_beyond_float64_are_unknown(tmp_path: Path) -> None:
    numbers = np.full(5000, 1e300)
    numbers[::2] = -1e300
    path, payload = stored(tmp_path, numpy_helper.from_array(numbers, "w"))
    found = statistics(path, payload)
    assert found.std is None
    assert found.kurtosis is None
    assert (found.minimum, found.maximum) == (-1e300, 1e300)


def test_equal_numbers_have_no_kurtosis(tmp_path: Path) -> None:
    path, payload = stored(tmp_path, numpy_helper.from_array(np.ones(5000), "w"))
    found = statistics(path, payload)
    assert (found.mean, found.std, found.second_moment, found.kurtosis) == (1, 0, 1, None)


def test_a_sample_is_near_the_whole_and_the_same_every_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    numbers = rng.laplace(0.1, 2, (1000, 1024)).astype(np.float32)
    numbers[:, 0] = 0  # a column of its own kind
    path, payload = stored(tmp_path, numpy_helper.from_array(numbers, "w"))
    found = statistics(path, payload)
    assert (found.count, found.sampled, found.exact) == (1_024_000, 32_768, False)
    assert found == statistics(path, payload)
    error = float(numbers.std()) / math.sqrt(found.sampled)
    assert found.mean == pytest.approx(float(numbers.mean()), abs=4 * error)
    assert found.std == pytest.approx(float(numbers.std()), rel=0.02)
    assert found.kurtosis == pytest.approx(6, rel=0.15)
    assert 0 < found.zeros < 150


@pytest.mark.parametrize("name", ["int4", "float6_e2m3fn", "bfloat16", "complex64"])
def test_samples_of_packed_types_begin_at_whole_elements(tmp_path: Path, name: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    ramp = np.arange(300_000) // 40_000
    array = ramp.astype(np.float32).astype(dtype)
    path, payload = stored(tmp_path, numpy_helper.from_array(array, "w"))
    found = statistics(path, payload)
    assert not found.exact
    assert (found.minimum, found.maximum) == (0, 7)
    half = 0.5 if dtype.kind == "c" else 1
    assert found.mean == pytest.approx(ramp.mean() * half, rel=0.02)


def test_memory_stays_flat(tmp_path: Path) -> None:
    path, payload = stored(tmp_path, numpy_helper.from_array(np.zeros(4_000_000, np.float32), "w"))
    statistics(path, payload)
    tracemalloc.start()
    statistics(path, payload, exact=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("field", "data_type", "data"),
    [
        ("raw_data", TensorProto.FLOAT, bytes(7999)),
        ("int64_data", TensorProto.INT64, b"\xff" * 8000),
        ("int64_data", TensorProto.INT64, b"\x01" * 1999 + b"\x81"),
        ("int32_data", TensorProto.INT32, b"\x01" * 1999),
    ],
)
def test_bytes_that_are_not_all_there(
    tmp_path: Path, field: str, data_type: int, data: bytes
) -> None:
    path = tmp_path / "data"
    path.write_bytes(data)
    payload = Payload("w", data_type, (2000,), field, 0, len(data), None, ())
    with pytest.raises(Unreadable):
        statistics(path, payload, exact=True)


def test_strings_have_no_statistics(tmp_path: Path) -> None:
    payload = Payload("w", TensorProto.STRING, (2000,), "string_data", 0, 10, None, ())
    assert statistics(tmp_path / "none", payload) == Statistics(2000, 0)


def test_a_small_tensor_that_does_not_hold_what_it_says() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[5], raw_data=bytes(8))
    with pytest.raises(Unreadable, match="'w'"):
        tensor_statistics(tensor)
