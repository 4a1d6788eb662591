"""The truth: what onnxruntime observes when it runs a model."""

from collections.abc import Callable, Mapping

import numpy as np
import onnx
import onnxruntime
import pytest

Observe = Callable[[onnx.ModelProto, Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@pytest.fixture(scope="session")
def observe() -> Observe:
    """Run a model and return the contents of every tensor that its nodes make."""
    return _observe


def _observe(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    present = {output.name for output in watched.graph.output}
    for node in watched.graph.node:
        for name in node.output:
            if name and name not in present:
                watched.graph.output.add().name = name
                present.add(name)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))
