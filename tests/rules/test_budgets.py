"""What the findings about budgets say."""

import pytest

from archlint.api import Severity
from archlint.testing import lint_text
from archlint_rules.budget.undecided import BudgetUndecided
from archlint_rules.compute.step_budget import StepBudgetExceeded

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
    assert "the fp32 operations a second of raspberry-pi-5-8gb are not known" in finding.message
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
