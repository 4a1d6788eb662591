"""One operator call as a model, and what onnxruntime makes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from archlint.graph.build import build_graph
from archlint.graph.graph import Graph
from archlint.ops.call import Call
from archlint.ops.operator import Operator
from archlint.ops.registry import Operators, operators

_OPSET = 21


@cache
def known() -> Operators:
    return operators()


@dataclass(frozen=True)
class Probe:
    """A model of one node: its first input is given, the others are stored."""

    op: str
    inputs: Sequence[np.ndarray | None]
    outputs: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = "com.microsoft"
    opset: int = _OPSET

    @property
    def model(self) -> onnx.ModelProto:
        names = [f"i{slot}" if array is not None else "" for slot, array in self._slots]
        stored = [
            numpy_helper.from_array(array, f"i{slot}")
            for slot, array in self._slots
            if array is not None
        ]
        data = helper.make_tensor_value_info("i0", stored[0].data_type, list(stored[0].dims))
        made = [f"o{slot}" for slot in range(self.outputs)]
        node = helper.make_node(
            self.op, names, made, name="node", domain=self.domain, **self.attributes
        )
        ends = [onnx.ValueInfoProto(name=name) for name in made]
        graph = helper.make_graph([node], "g", [data], ends, stored[1:])
        opsets = [helper.make_opsetid("", self.opset)]
        if self.domain:
            opsets.append(helper.make_opsetid(self.domain, 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    @property
    def _slots(self) -> list[tuple[int, np.ndarray | None]]:
        return list(enumerate(self.inputs))

    @cached_property
    def graph(self) -> Graph:
        return build_graph(self.model)

    @cached_property
    def call(self) -> Call:
        graph = self.graph
        return Call(graph.nodes[0], graph)

    @cached_property
    def operator(self) -> Operator:
        found = known().of(self.graph.nodes[0])
        assert found is not None, f"{self.domain}.{self.op} is not known"
        return found

    @property
    def macs(self) -> int:
        return self.operator.cost(self.call).macs

    @property
    def shapes(self) -> list[tuple[tuple[int, ...] | None, str]]:
        """The sizes and the element type that are inferred for each output."""
        values = [self.graph.values[f"o{slot}"] for slot in range(self.outputs)]
        return [(value.sizes, str(value.dtype)) for value in values]

    @property
    def observed(self) -> list[tuple[tuple[int, ...], str]]:
        """The same as onnxruntime makes them."""
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            self.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        arrays = session.run(None, {"i0": self.inputs[0]})
        return [(tuple(array.shape), str(array.dtype)) for array in arrays]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a `case` for each of the operators that its module lists."""
    cases = getattr(metafunc.module, "CONTRIBUTED", ())
    if cases and "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases, ids=map(_label, cases))


def _label(case: tuple[str, Sequence[np.ndarray | None], int, Mapping[str, Any], int]) -> str:
    """Return an operator with the ranks of its inputs, "-" for one that is absent."""
    op, inputs, _, attributes, _ = case
    ranks = "".join("-" if array is None else str(array.ndim) for array in inputs)
    return f"{op} {ranks} {' '.join(attributes)}"


@pytest.fixture
def probe() -> Callable[..., Probe]:
    """Make a model of one node."""
    return Probe
