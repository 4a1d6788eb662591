"""What the findings about budgets say."""

import re

import pytest

from archlint.api import Severity
from archlint.testing import lint_text
from archlint_rules.budget.budget_undecided import BudgetUndecided
from archlint_rules.compute.step_budget_exceeded import StepBudgetExceeded
from archlint_rules.memory.weights_exceed_flash import WeightsExceedFlash

MLP = """\
archlint: 1
name: mlp
inputs:
  x: [64, 1024]
layers:
  - Linear: {{out_features: 1024, bias: false}}
    repeat: 4
target:
  {target}
"""


def test_a_forward_pass_has_no_backward_part():
    # 2 n K^2 L = 2 * 64 * 1024^2 * 4
    text = MLP.format(target="require: {step-flops: 500 MFLOP}")
    (finding,) = lint_text(text, [StepBudgetExceeded])
    assert finding.message == (
        "a forward pass computes 536.9 MFLOP, require.step-flops is 500 MFLOP"
    )


def test_a_budget_of_time_needs_a_device():
    (finding,) = lint_text(MLP.format(target="require: {step-time: 250 ms}"), [BudgetUndecided])
    assert finding.message == "require.step-time cannot be decided: no device is named"
    assert finding.help


def test_a_device_without_figures_leaves_the_time_undecided():
    text = MLP.format(target="{device: raspberry-pi-5-8gb, require: {step-time: 250 ms}}")
    (finding,) = lint_text(text, [BudgetUndecided])
    assert "the fp32 operations per second of raspberry-pi-5-8gb are not known" in finding.message
    assert lint_text(text, [StepBudgetExceeded]) == []


# 2 n K^2 L = 537 MFLOP take 3.44 us at the 156 TFLOP/s of TF32; read and write 18.9 MB.
def test_time_is_an_error_below_what_the_arithmetic_takes():
    text = MLP.format(target="{device: nvidia-a100-40gb, require: {step-time: 3.4 us}}")
    (finding,) = lint_text(text, [StepBudgetExceeded])
    assert finding.severity is Severity.ERROR
    assert finding.data["least_seconds"] == pytest.approx(537e6 / 156e12, rel=1e-3)


def test_time_is_a_warning_where_only_the_estimate_is_over():
    text = MLP.format(target="{device: nvidia-a100-40gb, require: {step-time: 3.5 us}}")
    (finding,) = lint_text(text, [StepBudgetExceeded])
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("a forward pass takes about 39.33 µs on nvidia-a100-40gb")


def test_training_memory_without_an_optimizer():
    text = MLP.format(target="require: {training-memory: 1 GiB}")
    (finding,) = lint_text(text, [BudgetUndecided])
    assert finding.message == "require.training-memory cannot be decided: no optimizer is named"
    assert finding.help == "name one: --optimizer adam"


OPEN_MLP = MLP.replace("[64, 1024]", "[n, 1024]")


def test_an_open_budget_shows_the_formula_and_the_largest_size():
    # 2 n K^2 L = 8388608 n, of which 119 fit into 1 GFLOP.
    text = OPEN_MLP.format(target="require: {step-flops: 1 GFLOP}")
    (finding,) = lint_text(text, [BudgetUndecided])
    assert finding.severity is Severity.ERROR
    assert finding.message == (
        "a forward pass needs 8.389 MFLOP * n, and whether that stays within require.step-flops "
        "(1 GFLOP) cannot be decided while n is open: it fits up to n = 119"
    )
    assert finding.help == "bind the open dimensions: --batch-size N"
    assert finding.data["largest"] == {"n": 119}
    assert finding.data["formula"] == "8.389 MFLOP * n"


@pytest.mark.parametrize(("batch", "fits"), [(119, True), (120, False)])
def test_the_largest_size_is_the_largest(batch, fits):
    text = OPEN_MLP.format(target=f"{{batch-size: {batch}, require: {{step-flops: 1 GFLOP}}}}")
    assert (lint_text(text, [StepBudgetExceeded, BudgetUndecided]) == []) == fits


def test_a_budget_that_no_size_keeps():
    text = OPEN_MLP.format(target="require: {step-flops: 8 MFLOP}")
    (finding,) = lint_text(text, [BudgetUndecided])
    assert finding.message.endswith("not even n = 1 fits")
    assert finding.data["largest"] == {"n": 0}


def test_the_largest_size_of_a_peak_is_found_without_a_formula():
    # Rounded to nanoseconds, a time is no polynomial.
    text = OPEN_MLP.format(target="{device: nvidia-a100-40gb, require: {step-time: 1 ms}}")
    (finding,) = lint_text(text, [BudgetUndecided])
    budgets = {each["budget"]: each for each in finding.data["budgets"]}
    assert budgets["require.step-time"]["formula"] is None
    (size,) = budgets["require.step-time"]["largest"].values()
    for batch, fits in ((size, True), (size + 1, False)):
        target = f"{{device: nvidia-a100-40gb, batch-size: {batch}, require: {{step-time: 1 ms}}}}"
        findings = lint_text(OPEN_MLP.format(target=target), [StepBudgetExceeded, BudgetUndecided])
        assert (findings == []) == fits


def test_several_open_dimensions_have_a_formula_alone():
    text = OPEN_MLP.replace("[n, 1024]", "[n, T, 1024]")
    text = text.format(target="require: {step-flops: 1 GFLOP}")
    (finding,) = lint_text(text, [BudgetUndecided])
    assert "needs 8.389 MFLOP * n * T, and whether" in finding.message
    assert finding.message.endswith("cannot be decided while n and T are open")
    assert finding.data["largest"] is None


def test_budgets_that_the_batch_leaves_open_are_one_finding():
    # 8388608 n FLOP; 4 layers keep 1024 numbers each, and 16 MiB are weights.
    target = "{require: {step-flops: 1 GFLOP, inference-memory: 17 MiB, weights: 1 GiB}}"
    (finding,) = lint_text(OPEN_MLP.format(target=target), [BudgetUndecided])
    assert finding.message == (
        "2 budgets cannot be decided while n is open: all fit up to n = 119; inference needs "
        "8 KiB * n + 16 MiB, within require.inference-memory (17 MiB) up to n = 128; a forward "
        "pass needs 8.389 MFLOP * n, within require.step-flops (1 GFLOP) up to n = 119"
    )
    assert finding.place.path == ("target", "require", "step-flops")
    assert finding.data["limit"] == 10**9
    assert [each["largest"] for each in finding.data["budgets"]] == [{"n": 128}, {"n": 119}]


def test_a_formula_of_sizes_that_do_not_fit_is_not_shown():
    """On a GPU an LSTM has a formula from some tens of thousands of samples on."""
    text = (
        "archlint: 1\ninputs:\n  x: {shape: [N, 128], dtype: int64}\nlayers:\n"
        "  - Embedding: {num_embeddings: 100, embedding_dim: 64}\n"
        "  - GRU: {hidden_size: 256, num_layers: 2, batch_first: true, dropout: 0.2}\n"
        "  - Linear: {out_features: 100}\n"
    )
    target = {"device": "nvidia-t4", "training": {"optimizer": "adam"}}
    (finding,) = lint_text(text, [BudgetUndecided], target)
    pattern = r"training needs (.*?), within .*? up to N = (\d+)"
    needs, fits = re.search(pattern, finding.message).groups()
    assert all(int(start) <= int(fits) for start in re.findall(r"for N >= (\d+)", needs))


@pytest.mark.parametrize(
    ("limit", "room"),
    [
        ("3 MiB", "4.194 M parameters fit with 6.0 bits each"),
        ("512 KiB", "at 4 bits each, 1.049 M of the 4.194 M parameters fit"),
    ],
)
def test_weights_that_no_format_makes_fit(limit, room):
    """4 * 1024^2 parameters: int8, the narrowest deploy-dtype, needs 4 MiB; 4 bits take 2."""
    (finding,) = lint_text(
        MLP.format(target=f"require: {{weights: {limit}}}"), [WeightsExceedFlash]
    )
    assert finding.help == room
