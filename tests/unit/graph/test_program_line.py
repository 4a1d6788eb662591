"""What a line of a program binds and calls."""

import ast
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.graph.program.line import ProgramLine, Target, program_line

BOUND = {
    "x = self.conv(x)": ["x"],
    "x: Tensor = self.conv(x)": ["x"],
    "x += self.conv(x)": ["x"],
    "self.state = self.cell(x)": ["self.state"],
    "y = x": [],  # another name for what there is
    "skip = 0": [],
    "return self.head(x)": [],
    "self.check(x)": [],
    "for x in xs:": [],
    "x = first(x); y = second(x)": ["x", "y"],
    "x = self.conv(": ["x"],
    "x = torch.cat([": ["x"],
    "a, b = self.split(": ["a", "b"],
    "query=self.q(x),": [],
    "mask = self.mask(x),": [],
    "self.norm(x))": [],
    "if x == self.conv(": [],
}


@pytest.mark.parametrize(("code", "names"), BOUND.items())
def test_a_line_binds_what_it_computes(code, names):
    assert [target.name for target in program_line(code).targets] == names


def test_variables_that_share_a_value_are_several():
    several = (Target("a", several=True), Target("rest", several=True))
    assert program_line("a, *rest = x.chunk(3)").targets == several


@pytest.mark.parametrize("code", ["outs.append(self.conv(x))", "outs[0] = self.conv(x)"])
def test_appending_to_a_list_keeps_its_entries(code):
    assert program_line(code).targets == (Target("outs", grows=True),)


def test_calls_are_counted():
    line = program_line("z = torch.tanh(a) * torch.sigmoid(tanh(b)) + self.gates[0](c)")
    assert line.calls == {"tanh": 2, "sigmoid": 1, "mul": 1, "add": 1}
    assert line.by_variable == {"tanh": 1, "self.gates[0]": 1}


def test_signs_are_the_functions_that_they_call():
    line = program_line("z = -x ** 2 % 3 / y @ w - x.pow(2)")
    assert line.calls == {"neg": 1, "pow": 2, "remainder": 1, "div": 1, "matmul": 1, "sub": 1}


def test_parsing_a_line_never_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert program_line(r"x = match('\d', x)").targets == (Target("x"),)


@given(st.text() | st.text("()[]-x=,. ", max_size=1500))
def test_an_invalid_line_binds_nothing(code):
    line = program_line(code)
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        assert line.calls == {} or "begun" in line.calls
    assert isinstance(line, ProgramLine)
