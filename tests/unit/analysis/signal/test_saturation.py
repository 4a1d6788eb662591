"""The gradient through rows of saturating functions is that which PyTorch measures."""

from __future__ import annotations

import pytest

from archlint.testing import lint_text
from archlint_rules.initialization.vanishing_gradient import VanishingGradient

NET = """
archlint: 1
inputs: {x: [256, 40]}
layers:
  - Sequential:
      - Linear: {out_features: 64}
      - FUNCTION
      EXTRA
    repeat: COUNT
  - Linear: {out_features: 2}
"""


def findings(function: str, count: int, extra: str = "") -> list[float]:
    """Return the ratios that are reported."""
    text = NET.replace("FUNCTION", function).replace("COUNT", str(count)).replace("EXTRA", extra)
    return [float(str(each.data["ratio"])) for each in lint_text(text, [VanishingGradient])]


def test_sigmoids_let_as_much_through_as_in_pytorch() -> None:
    """Root mean square over 20 seeds of PyTorch 2.13: 2.73e-8, from 1.6e-8 to 3.7e-8."""
    assert findings("Sigmoid", 8) == [pytest.approx(2.73e-8, rel=0.25)]


@pytest.mark.parametrize(
    ("function", "count", "extra"),
    [
        ("Tanh", 8, ""),  # 1.6e-3 in PyTorch
        ("Sigmoid", 3, ""),
        ("ReLU", 30, ""),
        ("Hardtanh", 4, ""),
        ("Sigmoid", 8, "- BatchNorm1d"),
        ("Sigmoid", 8, "- LayerNorm"),
    ],
)
def test_rows_that_let_enough_through(function: str, count: int, extra: str) -> None:
    assert findings(function, count, extra) == []


def test_initialization_can_make_up_for_the_slope() -> None:
    """Four times Glorot's sigma, as he recommends for the sigmoid (Glorot and Bengio 2010)."""
    text = NET.replace("FUNCTION", "Sigmoid").replace("COUNT", "8").replace("      EXTRA\n", "")
    drawn = text.replace(
        "- Linear: {out_features: 64}\n",
        "- Linear: {out_features: 64}\n        init: {xavier_uniform: {gain: 4}}\n",
    )
    assert lint_text(drawn, [VanishingGradient]) == []


def test_shortcuts_carry_the_gradient() -> None:
    text = """
archlint: 1
inputs: {x: [256, 64]}
blocks:
  residual:
    layers:
      - Linear: {out_features: 64}
      - Sigmoid:
        name: body
      - Add:
        from: [body, input]
layers:
  - residual:
    repeat: 12
  - Linear: {out_features: 2}
"""
    assert lint_text(text, [VanishingGradient]) == []
