"""Expressions compute what they say, and can do nothing else."""

from __future__ import annotations

import pytest

from archlint.frontends.architecture.expression import ExpressionError, Value, substitute

NAMES: dict[str, Value] = {"width": 64, "depth": 3, "flag": True, "mode": "same", "sizes": (1, 2)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$width", 64),
        ("${width * 2}", 128),
        ("${width // depth}", 21),
        ("${width / 2}", 32.0),
        ("${2 ** depth - 1}", 7),
        ("${-width}", -64),
        ("${width % 10}", 4),
        ("${min(width, 8) + max(1, 2) + abs(-3)}", 13),
        ("${int(width * 0.75)}", 48),
        ("${ceil(width / 10) - floor(width / 10)}", 1),
        ("${sqrt(width) + log2(width)}", 14.0),
        ("${1 if flag else 2}", 1),
        ("${not flag}", False),
        ("${flag and depth == 3 or false}", True),
        ("${1 < depth <= 3}", True),
        ("${depth in [1, 3]}", True),
        ("${mode == 'same'}", True),
        ("${sizes[1]}", 2),
        ("${[8, 16, 32][depth - 1]}", 32),
        ("${len(sizes)}", 2),
        ("$sizes", (1, 2)),
        ("$mode", "same"),
        ("none", "none"),
        ("conv$depth", "conv3"),
        ("${depth}x${width}", "3x64"),
    ],
)
def test_an_expression_has_the_value_of_its_arithmetic(text: str, value: Value) -> None:
    found = substitute(text, NAMES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("$widht", "did you mean 'width'?"),
        ("${widht}", "did you mean 'width'?"),
        ("${maxi(1)}", "did you mean 'max'?"),
        ("${1 +}", "not an expression"),
        ("${}", "not an expression"),
        ("${1 / 0}", "division by zero"),
        ("${9 ** 9999}", "too large"),
        ("${2 ** 63}", "too large"),
        ("${10 ** 64 ** 64}", "too large"),
        ("${(-8) ** 0.5}", "too large"),
        ("${'a' * 1000000}", "not a number"),
        ("${[1] * 1000000}", "not a number"),
        ("${sizes[2]}", "item 2 of a list of 2"),
        ("${width[0]}", "an item of a list"),
        ("${int('x')}", "cannot be evaluated"),
        ("${sqrt(-1)}", "cannot be evaluated"),
        ("${min()}", "cannot be evaluated"),
        ("${1 < 'a'}", "cannot be evaluated"),
        ("${().__class__}", "not allowed"),
        ("${__import__('os')}", "unknown function '__import__'"),
        ("${[x for x in sizes]}", "not allowed"),
        ("${(lambda: 1)()}", "not allowed"),
        ("${f'{width}'}", "neither"),
        ("${max(*sizes)}", "not allowed"),
        ("${width := 3}", "not an expression"),
        ("${width is 64}", "'is' is not allowed"),
        ("${" + "(" * 150 + ")" * 149 + "}", "not an expression"),
        ("${" + "1+" * 200 + "1}", "longer than"),
        ("$", "neither"),
        ("5$", "neither"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text: str, says: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        substitute(text, NAMES)
    assert says in str(raised.value)
