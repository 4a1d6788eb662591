"""Truth by perturbation: which input positions reach which output positions, by running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.analysis.receptive_field.receptive_fields import ReceptiveFields
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.registry import operators

OPSET = 18


@dataclass
class Net:
    """A network of positive weights, in which nothing that is lit can be put out again."""

    spatial: tuple[int, ...]
    channels: int = 2
    seed: int = 0
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    stored: list[onnx.TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def constant(self, values: object, dtype: type = np.int64) -> str:
        name = f"k{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.stored)}"
        values = self.random.uniform(0.5, 1.5, shape).astype(np.float32)
        self.stored.append(numpy_helper.from_array(values, name))
        return name

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name, **attributes))
        return name

    def model(self, outputs: list[str], batch: int = 1) -> onnx.ModelProto:
        shape = [batch, self.channels, *self.spatial]
        graph = helper.make_graph(
            self.nodes,
            "lit",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self.stored,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=9)

    def fields(self, outputs: list[str]) -> ReceptiveFields:
        """Return what archlint says of the network."""
        return fields_of(self.model(outputs))

    @property
    def tensors(self) -> list[str]:
        return [name for node in self.nodes for name in node.output]

    def lights(self, axis: int) -> dict[str, np.ndarray]:
        """Return (input position, *shape without batch) of each tensor: what is lit by what."""
        length = self.spatial[axis - 2]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(
            self.model(self.tensors, batch=length).SerializeToString(), options
        )
        lit = np.zeros((length, self.channels, *self.spatial), np.float32)
        for position in range(length):
            index: list[Any] = [slice(None)] * lit.ndim
            index[0], index[axis] = position, position
            lit[tuple(index)] = 1
        answers = session.run(self.tensors, {"x": lit})
        return {name: answer != 0 for name, answer in zip(self.tensors, answers, strict=True)}


def fields_of(model: onnx.ModelProto) -> ReceptiveFields:
    return ReceptiveFields(build_graph(model, Bindings(None, {})), operators())


@pytest.fixture(scope="session")
def new_net() -> Callable[..., Net]:
    """Make a network whose truth can be measured."""
    return Net


@pytest.fixture(scope="session")
def analyse() -> Callable[[onnx.ModelProto], ReceptiveFields]:
    """Return what archlint says of a model."""
    return fields_of
