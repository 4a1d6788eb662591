"""The spread of declared initializers is what PyTorch and Keras draw."""

from __future__ import annotations

import json
from math import inf, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from archlint.analysis.initialization.declared import declared
from archlint.analysis.initialization.distribution import Distribution
from archlint.analysis.initialization.measured import measured
from archlint.analysis.initialization.truncation import truncated_moments
from archlint.sources.statistics import tensor_statistics

TRUTH = [
    case
    for name in ("initializers", "keras_initializers")
    for case in json.loads(
        Path(__file__).parents[3].joinpath("truth", f"{name}.json").read_text(encoding="utf-8")
    )["initializers"]
]


@pytest.mark.parametrize("case", TRUTH, ids=lambda case: case["initializer"])
def test_the_deviation_of_an_initializer_is_that_of_its_framework(case: dict[str, Any]) -> None:
    found = declared(case["initializer"], tuple(case["shape"]), tuple(case["fans"]))
    assert found is not None
    assert found.std == pytest.approx(case["std"], rel=1e-3, abs=1e-9)
    assert found.mean == pytest.approx(case["mean"], rel=1e-3, abs=3e-3 * (found.std or 1e-3))


def test_a_distribution_that_is_cut_off_states_more_than_it_has() -> None:
    found = declared("trunc_normal_tf(mean=0, std=0.02, a=-2, b=2)", (4, 4), (4, 4))
    assert found is not None
    assert (found.stated, found.family) == (0.02, "truncated normal")
    assert found.std == pytest.approx(0.87962566 * 0.02)
    corrected = declared("he_normal()", (4, 4), (4, 4))
    assert corrected is not None
    assert (corrected.stated, corrected.std) == (None, pytest.approx(sqrt(2 / 4)))


@pytest.mark.parametrize("shape", [(1, 512, 128), (2, 384, 128)])
def test_the_matrix_of_a_recurrent_direction_is_orthogonal(shape: tuple[int, int, int]) -> None:
    from archlint.frontends.architecture.export import draw
    from archlint.frontends.architecture.initializer import initializer

    made, fans = initializer("orthogonal"), (shape[2], shape[1])
    found = declared(str(made), shape, fans)
    assert found is not None
    assert found.std == pytest.approx(1 / sqrt(shape[1]))
    for matrix in draw(made, shape, fans, np.random.default_rng(0)):
        assert np.allclose(matrix.T @ matrix, np.eye(shape[2]))


def test_what_is_no_initializer_has_no_spread() -> None:
    assert declared("gaussian(0, 1)", (4, 4), (4, 4)) is None
    assert declared("rotary_cos(base=10000)", (4, 4), (4, 4)) is None


def test_a_normal_number_cut_at_two_deviations() -> None:
    mean, variance = truncated_moments(-2, 2)
    assert mean == pytest.approx(0, abs=1e-12)
    assert sqrt(variance) == pytest.approx(0.87962566, abs=1e-8)  # the constant of JAX and Keras
    assert truncated_moments(-inf, inf) == pytest.approx((0, 1))
    assert truncated_moments(0, inf)[0] == pytest.approx(sqrt(2 / np.pi))


def drawn(values: np.ndarray) -> Distribution:
    found = measured(tensor_statistics(numpy_helper.from_array(values.astype(np.float32))))
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_family_of_numbers_is_named(seed: int) -> None:
    random = np.random.default_rng(seed)
    normal = random.normal(size=40_000)
    assert drawn(random.normal(size=(200, 200))).family == "normal"
    assert drawn(random.uniform(-1, 1, size=(200, 200))).family == "uniform"
    assert drawn(normal[abs(normal) < 2]).family == "truncated normal"
    assert drawn(np.full((50, 50), 0.25)).family == "constant"
    assert drawn(random.standard_t(3, size=(200, 200))).family == "other"


@pytest.mark.parametrize("numbers", [200, 2_000, 20_000])
def test_the_standard_error_is_that_of_many_draws(numbers: int) -> None:
    random = np.random.default_rng(1)
    for draw in (random.standard_normal, lambda n: random.uniform(-1, 1, n)):
        deviations = [log(draw(numbers).std()) for _ in range(400)]
        assert drawn(draw(numbers)).error == pytest.approx(np.std(deviations), rel=0.2)


def test_the_test_is_one_of_equivalence() -> None:
    sure = Distribution("normal", 0, 1.2, error=1e-4)
    assert not sure.is_outside(1.0, 1.25), "20 % off is harmless, however sure"
    assert Distribution("normal", 0, 1.3, error=1e-4).is_outside(1.0, 1.25)
    assert not Distribution("normal", 0, 1.3, error=0.05).is_outside(1.0, 1.25), "inconclusive"
    assert Distribution("normal", 0, 0.5, error=0.05).is_outside(1.0, 1.25)
