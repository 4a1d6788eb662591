"""ARCH005: a batch norm that measures its variance behind a dropout."""

import numpy as np
import pytest

from archlint.api import Severity
from archlint.testing import lint_text
from archlint_rules.structure.dropout_before_batch_norm import DropoutBeforeBatchNorm
from layer_list import network

DROPPED = "Dropout: {p: 0.25}"
DENSE = "Linear: {out_features: 16}"


@pytest.mark.parametrize(
    ("layers", "factor"),
    [
        ([DROPPED, "BatchNorm1d"], 4 / 3),
        ([DROPPED, DENSE, "BatchNorm1d"], 4 / 3),
        ([DROPPED, DENSE, DENSE, "BatchNorm1d"], None),
        ([DROPPED, DENSE, "ReLU", "BatchNorm1d"], None),
    ],
)
def test_a_batch_norm_behind_a_dropout_is_found_with_the_factor_of_its_variance(layers, factor):
    text = network([DENSE, "ReLU", *layers], "[N, 16]")
    (finding,) = lint_text(text, [DropoutBeforeBatchNorm])
    assert finding.severity is Severity.INFO
    assert finding.data["factor"] == pytest.approx(factor)


@pytest.mark.parametrize(
    "layers",
    [
        ["BatchNorm1d", "ReLU", DROPPED, DENSE],
        [DROPPED, DENSE, "LayerNorm"],
        [DROPPED, "LayerNorm", DENSE, "BatchNorm1d"],
        ["Dropout: {p: 0}", DENSE, "BatchNorm1d"],
        [DENSE + "\n    name: a", DROPPED, "Add:\n    from: [previous, a]", "BatchNorm1d"],
    ],
)
def test_a_batch_norm_before_a_dropout_or_far_behind_one_passes(layers):
    assert lint_text(network([DENSE, *layers], "[N, 16]"), [DropoutBeforeBatchNorm]) == []


@pytest.mark.parametrize("mean", [0, 1, 3])
def test_the_variance_behind_a_dropout_is_larger_as_numpy_draws_it(mean):
    """At least 1 / (1 - p) times, and exactly that for numbers around zero."""
    generator, share = np.random.default_rng(0), 0.25
    x = generator.normal(mean, 1, (4000, 64))
    weight = generator.normal(size=(64, 256))
    kept = generator.random(x.shape) >= share
    factor = (x * kept / (1 - share) @ weight).var(0).mean() / (x @ weight).var(0).mean()
    expected = ((1 + mean**2) / (1 - share) - mean**2) / 1
    assert factor == pytest.approx(expected, rel=0.05)
    assert expected >= 1 / (1 - share)
