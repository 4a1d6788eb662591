"""Calls that make no sense get a reason, whatever the operator."""

import numpy as np
import pytest
from msgspec.structs import replace

from archlint.graph.invalid import InvalidGraph
from archlint.ops.autocast import Lists
from archlint.ops.call import Call
from archlint.ops.effect import read_slots
from archlint.ops.fan import Fan
from archlint.ops.registry import operators
from archlint.ops.saved import Gradients
from archlint.ops.strides import contiguous
from archlint.ops.undetermined import Undetermined


def floats(*shape):
    return np.ones(shape, np.float32)


MISFITS = {
    "a recurrent layer of matrices": (
        "LSTM",
        [floats(2, 3), floats(1, 8, 3), floats(1, 8, 2)],
        {"hidden_size": 2},
        "",
    ),
    "a product of vectors": ("Gemm", [floats(3), floats(3, 4)], {}, ""),
    "no groups": (
        "FusedConv",
        [floats(1, 4, 8, 8), floats(6, 2, 3, 3)],
        {"group": 0},
        "com.microsoft",
    ),
    "distances of numbers": (
        "CDist",
        [floats(), floats()],
        {"metric": "euclidean"},
        "com.microsoft",
    ),
    "an equation of other ranks": (
        "Einsum",
        [floats(2, 3), floats(3, 4)],
        {"equation": "bij,jk->bik"},
        "",
    ),
    "an equation with an index of nothing": (
        "Einsum",
        [floats(2, 3), floats(3, 4)],
        {"equation": "ij,jk->iz"},
        "",
    ),
    "a causal kernel without axes": (
        "CausalConvWithState",
        [floats(2, 4, 9), floats()],
        {},
        "com.microsoft",
    ),
}


def answers(one):
    """Ask for every facet of an operator; return the reasons that it gives."""
    gradients = Gradients((True,) * len(one.inputs))
    facets = [
        lambda: one.operator.cost(one.call),
        lambda: one.operator.saved(one.call, gradients),
        lambda: one.operator.links(one.call, 0),
    ]
    storage = one.operator.storage
    if callable(storage.layout):
        facets.append(lambda: storage.layout(one.call, (None,) * len(one.call.node.inputs)))
    if storage.view is not None:
        facets.append(lambda: storage.view(one.call, 0, contiguous(one.call.shape(0))))
    facets += [lambda kind=kind: one.operator.casting(one.call, kind) for kind in Lists]
    if one.operator.signal is not None:
        facets.append(lambda: one.operator.signal(one.call))
    for facet in facets:
        try:
            facet()
        except Undetermined as reason:
            yield str(reason)


@pytest.mark.parametrize("name", MISFITS)
def test_an_invalid_call_is_undetermined(probe, name):
    op, inputs, attributes, domain = MISFITS[name]

    assert list(answers(probe(op, inputs, 1, attributes, domain)))


# Numbers without axes fit no operator that asks for axes, and no attribute is given.
@pytest.mark.parametrize("axes", [0, 1, 2, 5])
def test_every_operator_answers_for_any_input(probe, axes):
    known = [key for key in operators().entries if key[0] != "framework"]
    asked = set()
    for domain, op in known:
        for count in (1, 2, 3):
            one = probe(op, [floats(*(2,) * axes)] * count, 1, {}, domain)
            try:
                assert all(answers(one)), "what is not known has a reason"
            except InvalidGraph:  # one that lacks what its definition asks for is not even read
                continue
            asked.add((domain, op))
    assert len(asked) > 200


def test_an_effect_refers_only_to_present_inputs(probe):
    asked = 0
    for domain, op in operators().entries:
        try:
            one = probe(op, [floats(2, 2)] * 3, 1, {}, domain)
            signal = one.operator.signal
        except InvalidGraph:
            continue
        if signal is None:
            continue
        asked += 1
        alone = Call(replace(one.call.node, inputs=()), one.call.graph)
        try:
            effect = signal(alone)
        except Undetermined:
            continue
        assert read_slots(effect) == (), (domain, op)
    assert asked > 50


@pytest.mark.parametrize("sizes", [{"groups": -5}, {"stride": 0}, {"kernel": -3}])
def test_a_fan_has_no_negative_sizes(sizes):
    with pytest.raises(ValueError, match="negative"):
        Fan(4, 8, **sizes)


WINDOWS = {
    "no stride": {"strides": [0, 1]},
    "too few strides": {"strides": [1]},
    "no dilation": {"dilations": [1, 0]},
    "too few paddings": {"pads": [1, 1]},
    "a kernel beyond all bounds": {"kernel_shape": [2**62, 3]},
    "a stride beyond all bounds": {"strides": [2**62, 1]},
}


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("name", WINDOWS)
def test_an_impossible_window_is_undetermined(probe, op, name):
    attributes = {"kernel_shape": [3, 3], **WINDOWS[name]}
    one = probe(op, [floats(1, 2, 9, 9), floats(2, 2, 3, 3)], 1, attributes, "")

    with pytest.raises(Undetermined):
        one.operator.links(one.call, 0)


def test_a_resize_of_too_many_phases_is_undetermined(probe):
    sizes = np.array([1, 1, 2**40 + 1], np.int64)
    one = probe("Resize", [floats(1, 1, 9), None, None, sizes], 1, {"mode": "linear"}, "")

    with pytest.raises(Undetermined, match="phases"):
        one.operator.links(one.call, 0)


@pytest.mark.parametrize("index", [np.float32(1), np.array([0.0, 1.5], np.float32)])
def test_a_gather_by_what_is_no_integer_is_undetermined(probe, index):
    one = probe("Gather", [floats(4, 3), np.asarray(index)], 1, {"axis": 0}, "")

    with pytest.raises(Undetermined, match="integers"):
        one.operator.links(one.call, 0)


@pytest.mark.parametrize("epsilon", [-1.0, float("nan")])
def test_a_normalization_by_less_than_nothing_is_undetermined(probe, epsilon):
    inputs = [floats(2, 3, 4), floats(3), floats(3)]
    one = probe("InstanceNormalization", inputs, 1, {"epsilon": epsilon}, "")

    with pytest.raises(Undetermined, match="epsilon"):
        one.operator.signal(one.call)
