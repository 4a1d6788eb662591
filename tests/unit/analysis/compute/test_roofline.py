"""The time of a step, against closed forms and against published throughput."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlint.analysis.facts import Facts
from archlint.devices.catalogue import find_device
from archlint.devices.device import Device, Sourced
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml
from archlint.target import Target, Training

ROOT = Path(__file__).parents[4]
BATCH, WIDTH, LAYERS = 64, 256, 3
PEAK, BANDWIDTH = 10**12, 10**10
DEVICE = Device(
    "imagined",
    "gpu",
    bandwidth_bytes_per_s=Sourced(BANDWIDTH, ""),
    peak_ops={"fp32": Sourced(PEAK, "")},
)


def facts(path: Path, target: Target) -> Facts:
    model = compile_architecture(read_yaml(path), path.parent).model
    graph = build_graph(model, Bindings(target.batch_size, target.dims))
    return Facts(graph, target, operators())


@pytest.fixture
def mlp(tmp_path):
    """Return the facts of a perceptron without biases."""
    path = tmp_path / "mlp.arch.yaml"
    path.write_text(
        f"archlint: 1\nname: mlp\ninputs:\n  x: [N, {WIDTH}]\nlayers:\n"
        f"  - Linear: {{out_features: {WIDTH}, bias: false}}\n    repeat: {LAYERS}\n"
    )
    return lambda **training: facts(path, Target(DEVICE, BATCH, training=Training(**training)))


def test_a_forward_pass_reads_inputs_and_writes_outputs_once(mlp):
    # Each layer: n K values in, n K out, K^2 weights; 4 bytes each.
    traffic = mlp().step_time.traffic
    assert sum(work.flops for work in traffic.works) == 2 * BATCH * WIDTH**2 * LAYERS
    assert sum(work.nbytes for work in traffic.works) == 4 * LAYERS * (2 * BATCH * WIDTH + WIDTH**2)


@pytest.mark.parametrize(("optimizer", "states"), [("sgd", 0), ("sgd-momentum", 1)])
def test_a_step_moves_gradients_and_state_too(mlp, optimizer, states):
    # dW: reads dY and X, writes K^2. dX: reads dY and W, writes n K; not for the first layer.
    # The update reads W, dW and the state, and writes W and the state.
    traffic = mlp(optimizer=optimizer).step_time.traffic
    values = BATCH * WIDTH
    forward = LAYERS * (2 * values + WIDTH**2)
    backward = LAYERS * (2 * values + WIDTH**2) + (LAYERS - 1) * (2 * values + WIDTH**2)
    update = LAYERS * WIDTH**2 * (3 + 2 * states)
    assert sum(work.nbytes for work in traffic.works) == 4 * (forward + backward + update)
    assert sum(work.flops for work in traffic.works) == (2 * BATCH * WIDTH**2 * (3 * LAYERS - 1))


def test_the_least_time_is_all_arithmetic_at_the_peak(mlp):
    time = mlp().step_time
    assert time.nanoseconds.low == 2 * BATCH * WIDTH**2 * LAYERS * 10**9 // PEAK
    # 16 FLOP a byte are far below this device's ridge of 100.
    assert time.memory_bound_share == 1
    assert time.seconds == pytest.approx(
        4 * LAYERS * (2 * BATCH * WIDTH + WIDTH**2) / (0.8 * BANDWIDTH), rel=1e-6
    )


def test_a_format_without_figures_leaves_the_time_open(mlp):
    amount = mlp(precision="bf16").step_time.nanoseconds
    assert not amount.complete
    assert "bf16" in amount.unknown[0].reason


def test_an_open_dimension_leaves_the_time_open(tmp_path):
    path = tmp_path / "open.arch.yaml"
    path.write_text("archlint: 1\nname: open\ninputs:\n  x: [N, 8]\nlayers:\n  - ReLU\n")
    assert not facts(path, Target(DEVICE)).step_time.nanoseconds.complete


# Images a second on one GPU, batch 256 on the first and 128 on the others: README of
# NVIDIA/DeepLearningExamples, PyTorch/Classification/ConvNets/resnet50v1.5, at commit 291f0d0.
PUBLISHED = [
    ("nvidia-a100-80gb-sxm", "fp32", 256, 938),
    ("nvidia-a100-80gb-sxm", "bf16", 256, 2470),
    ("nvidia-v100-pcie-16gb", "fp32", 128, 367),
    ("nvidia-v100-sxm2-32gb", "fp32", 128, 356),
    ("nvidia-v100-sxm2-32gb", "fp16", 128, 1156),
]


@pytest.mark.parametrize(("device", "precision", "batch", "images"), PUBLISHED)
def test_resnet50_takes_about_what_is_published(device, precision, batch, images):
    training = Training("sgd-momentum", precision)
    target = Target(find_device(device), batch, training=training)
    time = facts(ROOT / "examples" / "resnet50.arch.yaml", target).step_time
    measured = batch / images
    assert time.nanoseconds.complete
    assert time.nanoseconds.low / 1e9 < measured
    assert 0.6 < time.seconds / measured < 1.25


def test_a_graph_that_does_nothing_takes_no_time(tmp_path):
    path = tmp_path / "free.arch.yaml"
    path.write_text("archlint: 1\nname: free\ninputs:\n  x: [2, 8]\nlayers:\n  - Flatten\n")
    time = facts(path, Target(DEVICE)).step_time
    assert (time.seconds, time.memory_bound_share) == (0, 0)
