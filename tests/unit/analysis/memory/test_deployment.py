"""Weights and activations on the device, against counts by hand."""

from __future__ import annotations

import pytest

from archlint.analysis.amount import Amount
from archlint.analysis.facts import Facts
from archlint.devices.catalogue import find_device
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml
from archlint.target import Target

HEAD = "archlint: 1\nname: net\ninputs:\n  x: [1, 4, 16, 16]\nlayers:\n"
MAP = 8 * 16 * 16  # elements behind the first convolution
INPUT = 4 * 16 * 16


@pytest.fixture
def deployment(tmp_path):
    """Return what a network takes on its device."""

    def work_out(layers, deploy_dtype=None, device=None):
        path = tmp_path / "net.arch.yaml"
        path.write_text(HEAD + layers)
        graph = build_graph(
            compile_architecture(read_yaml(path), path.parent).model, Bindings(None, {})
        )
        found = None if device is None else find_device(device)
        target = Target(found, deploy_dtype=deploy_dtype)
        return Facts(graph, target, operators()).deployment

    return work_out


CONV = "  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n"


@pytest.mark.parametrize(("number_format", "width"), [(None, 4), ("fp16", 2), ("int8", 1)])
def test_a_pointwise_operator_may_write_over_its_operand(deployment, number_format, width):
    # In place the convolution is the worst moment, else the ReLU.
    found = deployment(CONV + "  - ReLU\n", number_format)
    assert found.activations == Amount((INPUT + MAP) * width, 2 * MAP * width)


def test_a_normalization_is_folded(deployment):
    found = deployment(CONV + "  - BatchNorm2d\n  - ReLU\n")
    assert found.activations.low == 4 * (INPUT + MAP)


def test_what_is_used_again_is_not_overwritten(deployment):
    layers = (
        (
            "  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n    name: conv\n"
            "  - ReLU\n    name: relu\n"
            "  - Add: {from: [conv, relu]}\n"
        )
        .replace("  - ReLU\n    name", "  - ReLU:\n    name")
        .replace("Add: {from: [conv, relu]}", "Add:\n    from: [conv, relu]")
    )
    # The sum may be written over the ReLU's result, but that not over the convolution's.
    assert deployment(layers).activations == Amount(4 * 2 * MAP, 4 * 3 * MAP)


def test_a_pooling_is_not_in_place(deployment):
    found = deployment("  - MaxPool2d: {kernel_size: 3, stride: 1, padding: 1}\n")
    assert found.activations == Amount(4 * 2 * INPUT, 4 * 2 * INPUT)


WEIGHT, BIAS = 8 * 4 * 9, 8


@pytest.mark.parametrize(
    ("number_format", "low", "high"),
    [
        (None, 4 * (WEIGHT + BIAS), 4 * (WEIGHT + BIAS)),
        ("fp16", 2 * (WEIGHT + BIAS), 2 * (WEIGHT + BIAS)),
        ("int8", WEIGHT, WEIGHT + 4 * BIAS),
    ],
)
def test_weights_in_the_format_of_the_device(deployment, number_format, low, high):
    assert deployment(CONV, number_format).weights == Amount(low, high)


def test_an_accelerator_of_integers_takes_integers(deployment):
    assert deployment(CONV, device="coral-edgetpu").weights.low == WEIGHT
    assert deployment(CONV, "fp32", device="coral-edgetpu").weights.low == 4 * (WEIGHT + BIAS)
