"""What the rules on compute say, and where they are silent."""

from pathlib import Path

import pytest

from archlint.api import Severity
from archlint.testing import lint_file, lint_text
from archlint_rules.compute.declared_drift import DeclaredDrift
from archlint_rules.compute.fully_connected_explosion import FullyConnectedExplosion
from archlint_rules.compute.memory_bound import MemoryBound
from archlint_rules.compute.tensor_core_alignment import TensorCoreAlignment

EXAMPLES = Path(__file__).parents[2] / "examples"
BF16 = {"training": {"precision": "bf16-mixed"}}


def example(name, rule, target):
    return lint_file(EXAMPLES / f"{name}.arch.yaml", [rule], target)


def test_the_vocabulary_of_gpt2():
    (finding,) = example("gpt2", TensorCoreAlignment, BF16)
    assert finding.severity is Severity.WARNING
    assert finding.data["padded"] == 50304  # as most implementations have it
    assert example("gpt2", TensorCoreAlignment, {}) == []


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "vit_s16", "mobilenet_v2"])
def test_aligned_networks_pass(name):
    assert example(name, TensorCoreAlignment, BF16) == []


def test_a_depthwise_convolution_needs_no_alignment():
    text = (
        "archlint: 1\nname: depthwise\ninputs:\n  x: [1, 12, 32, 32]\nlayers:\n"
        "  - Conv2d: {out_channels: 12, kernel_size: 3, groups: 12}\n"
    )
    assert lint_text(text, [TensorCoreAlignment], BF16) == []


def test_the_dense_layers_of_vgg16():
    (finding,) = example("vgg16", FullyConnectedExplosion, {})
    # 25088 x 4096 + 4096 x 4096 + 4096 x 1000, and their biases.
    assert finding.data["parameters"] == 123_642_856
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "mlp", "gpt2", "unet", "ds_cnn"])
def test_networks_that_average_or_have_no_maps(name):
    assert example(name, FullyConnectedExplosion, {}) == []


def test_multiply_accumulates_that_were_declared_as_flop():
    # The published 4.1 "GFLOPs" of ResNet-50 are multiply-accumulates.
    (finding,) = example("resnet50", DeclaredDrift, {"declared": {"forward-flops": "4.09 GFLOP"}})
    assert finding.help.startswith("write MAC")
    right = {"declared": {"forward-flops": "4.09 GMAC", "parameters": "25.6 M"}}
    assert example("resnet50", DeclaredDrift, right) == []


def test_a_network_of_pointwise_operators_waits_for_memory():
    text = (
        "archlint: 1\nname: pointwise\ninputs:\n  x: [64, 64, 256, 256]\nlayers:\n"
        "  - Tanh\n  - Sigmoid\n"
    )
    (finding,) = lint_text(text, [MemoryBound], {"device": "nvidia-a100-40gb"})
    assert finding.data["memory_bound_share"] == 1
    # Two operators that read and write 1 GiB each, at 80 % of 1.555 TB/s.
    assert finding.data["seconds"] == pytest.approx(4 * 2**30 / (0.8 * 1.555e12))
    assert lint_text(text, [MemoryBound]) == []
