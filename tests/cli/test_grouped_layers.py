"""Stored weights that are drawn alike are one finding, and suppressions and order hold."""

from __future__ import annotations

import json
from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper, save

from .conftest import Archlint

FRESH = ("--set", "weights=fresh")
WIDTHS = [128, *[128] * 12, *[64] * 3]


def perceptron(*, growth: float = 1.0, suppressed: tuple[int, ...] = ()) -> ModelProto:
    """Return a chain of Gemm and Relu whose sigmas do not keep the scale of the signal.

    Each sigma is `growth` times that of the layer before, that of layer 5 is larger. The layers in
    `suppressed` carry a suppression of INIT001.
    """
    random = np.random.default_rng(0)
    nodes, stored, last = [], [], "x"
    for index, (inputs, outputs) in enumerate(pairwise(WIDTHS)):
        sigma = (3 if index == 5 else 0.3 * growth**index) * sqrt(2 / inputs)
        weight = random.normal(0, sigma, (outputs, inputs)).astype(np.float32)
        stored.append(numpy_helper.from_array(weight, f"layer{index}.weight"))
        names = [last, f"layer{index}.weight"]
        node = helper.make_node("Gemm", names, [f"h{index}"], f"layer{index}", transB=1)
        if index in suppressed:
            entry = node.metadata_props.add()
            entry.key, entry.value = "archlint.ignore", "INIT001"
        last = f"r{index}"
        nodes += [node, helper.make_node("Relu", [f"h{index}"], [last], f"relu{index}")]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, width))
        for name, width in (("x", WIDTHS[0]), (last, WIDTHS[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _groups(archlint: Archlint, *arguments: str) -> list[list[str]]:
    report = json.loads(archlint("check", "net.onnx", "--format", "json", *FRESH, *arguments).out)
    return [each["data"]["weights"] for each in report["findings"] if each["code"] == "INIT001"]


def _weights(*indices: int) -> list[str]:
    return [f"layer{index}.weight" for index in indices]


# The first layer follows no ReLU, and the last one may be small.
WIDE = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


def test_layers_alike_are_one_finding(archlint: Archlint, folder: Path) -> None:
    save(perceptron(), str(folder / "net.onnx"))
    groups = _groups(archlint)
    assert _weights(*WIDE) in groups
    assert _weights(5) in groups  # another sigma
    text = archlint("check", "net.onnx", "--select", "INIT001", *FRESH).out
    assert "and 9 more layers like it, the last layer11.weight" in text


def test_a_weight_that_layers_share_is_counted_once(archlint: Archlint, folder: Path) -> None:
    """As the heads of a detector, which run on maps of several sizes."""
    model = perceptron()
    shared = next(node for node in model.graph.node if node.name == "layer8")
    shared.input[1] = "layer7.weight"
    left = [tensor for tensor in model.graph.initializer if tensor.name != "layer8.weight"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(left)
    save(model, str(folder / "net.onnx"))
    assert _weights(*(index for index in WIDE if index != 8)) in _groups(archlint)
    text = archlint("check", "net.onnx", "--select", "INIT001", *FRESH).out
    assert "and 8 more layers like it, the last layer11.weight" in text


def test_a_suppressed_node_stands_alone(archlint: Archlint, folder: Path) -> None:
    save(perceptron(suppressed=(3, 4)), str(folder / "net.onnx"))
    groups = _groups(archlint)
    assert _weights(*(index for index in WIDE if index not in {3, 4})) in groups
    assert "LINT001" not in archlint("check", "net.onnx", *FRESH).out


def test_numbers_in_names_sort_as_numbers(archlint: Archlint, folder: Path) -> None:
    save(perceptron(growth=0.9), str(folder / "net.onnx"))  # each alone
    log = json.loads(archlint("check", "net.onnx", "--format", "sarif", *FRESH).out)
    results = [each for each in log["runs"][0]["results"] if each["ruleId"] == "INIT001"]
    told = [each["message"]["text"].split()[2] for each in results]
    assert len(told) > 10
    assert told == sorted(told, key=lambda name: int(name[5:].partition(".")[0]))
    prints = {each["partialFingerprints"]["archlint/v1"] for each in results}
    assert len(prints) == len(results)
