"""What the help of an exceeded budget advises does keep it."""

import re

import pytest

from archlint.api import Severity
from archlint.testing import lint_text
from archlint_rules.compute.step_budget_exceeded import StepBudgetExceeded
from archlint_rules.memory.inference_memory_exceeded import InferenceMemoryExceeded
from archlint_rules.memory.training_memory_exceeded import TrainingMemoryExceeded
from archlint_rules.memory.weights_exceed_flash import WeightsExceedFlash

WIDTH, LAYERS = 512, 4
TEXT = f"""\
archlint: 1
name: mlp
inputs:
  x: [N, {WIDTH}]
layers:
  - Linear: {{out_features: {WIDTH}, bias: false}}
    repeat: {LAYERS}
"""
WEIGHTS = 4 * LAYERS * WIDTH**2
SETTINGS = {"batch-size": 4096, "training": {"optimizer": "adam"}}


def memory(limit, **others):
    """Return the findings of a training within `limit` bytes."""
    target = SETTINGS | others | {"require": {"training-memory": limit}}
    return lint_text(TEXT, [TrainingMemoryExceeded], target)


def test_the_largest_batch_fits_and_one_more_does_not():
    limit = 6 * WEIGHTS
    (finding,) = memory(limit)
    batch = int(re.search(r"the largest batch that fits is (\d+)", finding.help)[1])
    assert memory(limit, **{"batch-size": batch}) == []
    assert len(memory(limit, **{"batch-size": batch + 1})) == 1


def test_the_largest_batch_of_a_budget_of_work_is_exact():
    # (3L - 1) n K^2 products of 2 FLOP.
    each = 2 * (3 * LAYERS - 1) * WIDTH**2
    target = SETTINGS | {"require": {"step-flops": 1000 * each + 1}}
    (finding,) = lint_text(TEXT, [StepBudgetExceeded], target)
    assert finding.help.startswith("the largest batch that fits is 1000 (")


def test_a_leaner_optimizer_is_advised_where_only_the_state_is_too_much():
    limit = int(3.5 * WEIGHTS)
    (finding,) = memory(limit, **{"batch-size": 1})
    name, size = re.search(r"(?:^|or )(\S+) needs ([\d.]+ MiB)", finding.help).groups()
    assert memory(limit, **{"batch-size": 1, "training": {"optimizer": name}}) == []
    (tight,) = memory("1 MiB", **{"batch-size": 1, "training": {"optimizer": name}})
    assert f"training needs {size} in the " in tight.message


def test_a_larger_device_is_the_smallest_that_fits():
    target = {"device": "nvidia-t4", "batch-size": 1_200_000, "training": {"optimizer": "sgd"}}
    (finding,) = lint_text(TEXT, [TrainingMemoryExceeded], target)
    name = re.search(r"or (\S+) has", finding.help)[1]
    assert name == "nvidia-l4"  # 22.03 GiB, after the 14.56 GiB of a T4
    assert lint_text(TEXT, [TrainingMemoryExceeded], target | {"device": name}) == []


def test_nothing_is_advised_that_does_not_fit():
    (finding,) = memory("1 MiB")
    assert "fits" not in finding.help.removesuffix("a larger device")
    assert finding.help.startswith("use a smaller batch")


@pytest.mark.parametrize("batch", [None, 64])
def test_the_batch_of_a_file_may_be_changed_too(batch):
    text = TEXT.replace("[N, ", "[64, ")
    target = {"require": {"inference-memory": WEIGHTS + 20 * 2 * 4 * WIDTH}}
    target |= {} if batch is None else {"batch-size": batch}
    (finding,) = lint_text(text, [InferenceMemoryExceeded], target)
    assert finding.help.startswith("the largest batch that fits is 20 (")


FLASH = {"device": "stm32f407"}


def test_eight_bits_are_advised_where_they_fit():
    text = TEXT.replace("[N, ", "[1, ")
    (finding,) = lint_text(text, [WeightsExceedFlash], FLASH)
    assert finding.help == 'deploy-dtype = "int8" needs 1 MiB'
    assert lint_text(text, [WeightsExceedFlash], FLASH | {"deploy-dtype": "int8"}) == []


def test_a_cache_of_weights_that_is_too_small_is_no_error():
    # 9 layers of 1024 x 1024 weights of a byte are over the 8 MiB of the Edge TPU.
    text = TEXT.replace("512", "1024").replace("repeat: 4", "repeat: 9").replace("[N, ", "[1, ")
    (finding,) = lint_text(text, [WeightsExceedFlash], {"device": "coral-edgetpu"})
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("weights take 9 MiB")
