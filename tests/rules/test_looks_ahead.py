"""Networks over time that read what comes later."""

from __future__ import annotations

import pytest

from archlint.testing import lint_text
from archlint_rules.receptive_field.looks_ahead import LooksAhead


def lint(text: str) -> list[str]:
    return [f"{finding.code} {finding.message}" for finding in lint_text(text, [LooksAhead])]


@pytest.mark.parametrize(
    ("padding", "ahead"), [("causal", []), ("2", ["2 elements"]), ("[3, 1]", ["1 element"])]
)
def test_reading_the_future_is_an_error(padding: str, ahead: list[str]) -> None:
    text = (
        "archlint: 1\ninputs: {x: [1, 2, 100]}\nlayers:\n"
        f"  - Conv1d: {{out_channels: 2, kernel_size: 5, padding: {padding}}}\n"
        "  - Conv1d: {out_channels: 2, kernel_size: 3, padding: causal}\n"
        "target: {require: {causal: true}}\n"
    )
    messages = lint(text)
    assert len(messages) == len(ahead)
    assert all(
        f"looks {each} ahead" in message for each, message in zip(ahead, messages, strict=True)
    )


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize(("way", "ahead"), [("false", False), ("true", True)])
def test_cell_that_runs_backwards_too_looks_ahead(cell: str, way: str, ahead: bool) -> None:
    text = (
        "archlint: 1\ninputs: {x: [4, 100, 8]}\nlayers:\n"
        f"  - {cell}: {{hidden_size: 8, batch_first: true, bidirectional: {way}}}\n"
        "  - Linear: {out_features: 4}\n"
        "target: {require: {causal: true, time-axis: 1}}\n"
    )
    messages = lint(text)
    assert len(messages) == ahead
    assert all("looks ahead to the end along axis 1 of x" in message for message in messages)


@pytest.mark.parametrize(
    ("norm", "ahead"),
    [("InstanceNorm1d", True), ("GroupNorm: {num_groups: 4}", True), ("BatchNorm1d", False)],
)
def test_statistics_over_time_look_ahead(norm: str, ahead: bool) -> None:
    text = (
        "archlint: 1\ninputs: {x: [4, 8, 100]}\nlayers:\n"
        "  - Conv1d: {out_channels: 8, kernel_size: 3, padding: causal}\n"
        f"  - {norm}\n"
        "  - Conv1d: {out_channels: 8, kernel_size: 1}\n"
        "target: {require: {causal: true}}\n"
    )
    assert len(lint(text)) == ahead


def test_look_ahead_that_is_allowed() -> None:
    text = (
        "archlint: 1\ninputs: {x: [1, 2, 100]}\nlayers:\n"
        "  - Conv1d: {out_channels: 2, kernel_size: 5, padding: 2}\n"
        "target: {require: {look-ahead: AHEAD, sample-rate: 1000 Hz}}\n"
    )
    assert lint(text.replace("AHEAD", '"2 ms"')) == []
    (message,) = lint(text.replace("AHEAD", '"1 ms"'))
    assert "2 elements (2 ms) ahead" in message


@pytest.mark.parametrize(("stride", "left"), [(1, 2), (2, 1), (3, 0)])
def test_a_strided_layer_is_causal_with_window_less_stride(stride: int, left: int) -> None:
    text = (
        "archlint: 1\ninputs: {x: [1, 2, 99]}\nlayers:\n"
        f"  - Conv1d: {{out_channels: 2, kernel_size: 3, stride: {stride}, padding: [LEFT, 0]}}\n"
        "target: {require: {causal: true}}\n"
    )
    assert lint(text.replace("LEFT", str(left))) == []


def test_the_axis_of_time_can_be_stated() -> None:
    text = (
        "archlint: 1\ninputs: {x: [1, 1, 40, 100]}\nlayers:\n"
        "  - Conv2d: {out_channels: 2, kernel_size: [3, 3], padding: [1, 2, 1, 0]}\n"
        "target: {require: {causal: true AXIS}}\n"
    )
    (message,) = lint(text.replace("AXIS", ""))
    assert "it is not stated whether axis 2 or 3 of x is time" in message
    assert lint(text.replace("AXIS", ", time-axis: 3")) == []
    assert len(lint(text.replace("AXIS", ", time-axis: 2"))) == 1
