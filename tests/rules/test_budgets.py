"""What the findings about budgets say."""

from archlint.testing import lint_text
from archlint_rules.budget.undecided import BudgetUndecided
from archlint_rules.compute.step_flops import StepFlopsExceeded

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
    (finding,) = lint_text(text, [StepFlopsExceeded])
    assert finding.message == (
        "a forward pass computes 536.9 MFLOP, require.step-flops is 500 MFLOP"
    )


def test_a_budget_of_time_does_not_pass_in_silence():
    (finding,) = lint_text(MLP.format(target="require: {step-time: 250 ms}"), [BudgetUndecided])
    assert finding.message.startswith("require.step-time cannot be decided")
    assert finding.help


def test_training_memory_without_an_optimizer():
    text = MLP.format(target="require: {training-memory: 1 GiB}")
    (finding,) = lint_text(text, [BudgetUndecided])
    assert finding.message == "require.training-memory cannot be decided: no optimizer is named"
    assert finding.help == "name one: --optimizer adam"
