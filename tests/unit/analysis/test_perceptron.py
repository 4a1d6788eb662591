"""Compute and memory of an MLP of L layers of width K on a batch of n, in closed form."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlint.analysis.facts import Facts
from archlint.frontends.architecture import compile_architecture
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators
from archlint.sources.yaml_document import parse_yaml
from archlint.target import Target, Training

BYTES = 4  # of a value
COUNTER = 4  # bytes that Adam keeps besides for each parameter tensor: its step

sizes = {
    "layers": st.integers(1, 12),
    "width": st.integers(1, 300),
    "batch": st.integers(1, 64),
}


def perceptron(layers, width, batch, *, relu=False, training=None):
    """Return the facts of the network: no biases, no activations unless `relu`."""
    inside = f"      - Linear: {{out_features: {width}, bias: false}}\n"
    text = (
        f"archlint: 1\nname: mlp\ninputs: {{x: [N, {width}]}}\nlayers:\n  - Sequential:\n"
        f"{inside}{'      - ReLU' if relu else ''}\n    repeat: {layers}\n"
    )
    model = compile_architecture(parse_yaml(text.encode()), Path()).model
    target = Target(batch_size=batch, training=training or Training(optimizer="sgd"))
    return Facts(build_graph(model, Bindings(batch)), target, operators())


@given(**sizes)
def test_a_forward_pass_multiplies_n_k2_l_times(layers, width, batch):
    compute = perceptron(layers, width, batch).compute
    assert compute.forward_macs.value == batch * width**2 * layers
    assert compute.forward_flops.value == 2 * compute.forward_macs.value


@given(**sizes)
def test_training_multiplies_3_l_minus_1_times_n_k2(layers, width, batch):
    compute = perceptron(layers, width, batch).compute
    assert compute.training_flops.value == 2 * (3 * layers - 1) * batch * width**2


@given(**sizes)
def test_training_with_the_inputs_gradient_multiplies_3_n_k2_l_times(layers, width, batch):
    training = Training(optimizer="sgd", input_gradient=True)
    compute = perceptron(layers, width, batch, training=training).compute
    assert compute.training_flops.value == 2 * 3 * batch * width**2 * layers


@given(**sizes, relu=st.booleans())
def test_inference_holds_l_k2_and_2_n_k_values(layers, width, batch, relu):
    facts = perceptron(layers, width, batch, relu=relu)
    assert facts.parameters.nbytes == BYTES * layers * width**2
    assert facts.inference_memory.peak.value == BYTES * 2 * batch * width


@given(**sizes)
def test_training_holds_2_l_k2_and_l_n_k_values(layers, width, batch):
    facts = perceptron(layers, width, batch)
    memory = facts.training_memory
    assert memory.weight_bytes + memory.gradient_bytes == BYTES * 2 * layers * width**2
    assert facts.saved.total.value == BYTES * layers * batch * width
    assert memory.state_bytes.value == 0


@given(**sizes)
def test_a_relu_saves_its_output_which_the_next_layer_saves_too(layers, width, batch):
    saved = perceptron(layers, width, batch, relu=True).saved.total.value
    inputs = BYTES * batch * width
    assert saved == BYTES * layers * batch * width + inputs


# States and step counters for each parameter tensor.
STATES = {"sgd-momentum": (1, 0), "adam": (2, 1), "adamw": (2, 1), "adam-amsgrad": (3, 1)}


@pytest.mark.parametrize("optimizer", STATES)
@given(**sizes)
def test_an_optimizer_adds_its_states(optimizer, layers, width, batch):
    states, counters = STATES[optimizer]
    facts = perceptron(layers, width, batch, training=Training(optimizer=optimizer))
    state = BYTES * states * layers * width**2 + COUNTER * counters * layers
    assert facts.training_memory.state_bytes.value == state


@given(**sizes)
def test_the_peak_is_within_the_sum_of_its_parts(layers, width, batch):
    facts = perceptron(layers, width, batch)
    memory = facts.training_memory
    parts = memory.weight_bytes + memory.gradient_bytes + facts.saved.total.low
    flowing = BYTES * 4 * batch * width  # outputs, the loss and gradients on their way
    assert memory.weight_bytes + facts.saved.total.low <= memory.peak.low
    assert memory.peak.low <= parts + flowing + 64


@pytest.mark.parametrize("optimizer", ["sgd", *STATES])
def test_a_network_without_parameters_needs_nothing_to_step(optimizer):
    text = b"archlint: 1\nname: relu\ninputs: {x: [1, 4]}\nlayers:\n  - ReLU\n"
    model = compile_architecture(parse_yaml(text), Path()).model
    target = Target(training=Training(optimizer=optimizer))
    memory = Facts(build_graph(model, Bindings()), target, operators()).training_memory
    assert memory.state_bytes.value == 0
    assert memory.optimizer_step.complete
