"""Runs a model in onnxruntime: generates inputs and returns the values of its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlint.engine.load import is_yaml
from archlint.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from onnx import ModelProto
    from onnxruntime import InferenceSession

    from archlint.model import Model

_SEED = 0

# onnxruntime's names of number formats, and numpy's.
_FLOATS = {"float16": "f2", "float": "f4", "double": "f8"}
_WHOLE = {
    "int8": "i1",
    "int16": "i2",
    "int32": "i4",
    "int64": "i8",
    "uint8": "u1",
    "uint16": "u2",
    "uint32": "u4",
    "uint64": "u8",
    "bool": "?",
}


class Running:
    """A session of onnxruntime in which every tensor can be observed.

    Raises `CannotRun` where onnxruntime is missing or rejects the model.
    """

    def __init__(self, model: Model, tensors: Sequence[str]) -> None:
        self._model = model
        proto = _complete(model.path)
        self._session = _session(model, proto, tensors)
        self._names = {output.name for output in self._session.get_outputs()}

    def has(self, tensor: str) -> bool:
        """Whether a tensor can be observed."""
        return tensor in self._names

    def inputs(self) -> dict[str, np.ndarray]:
        """Return random numbers for every input: from a normal distribution, or zeros and ones."""
        import numpy as np

        random = np.random.default_rng(_SEED)
        made: dict[str, np.ndarray] = {}
        for given in self._session.get_inputs():
            shape = self._model.graph.values[given.name].sizes
            kind = given.type.removeprefix("tensor(").removesuffix(")")
            if shape is None:
                raise CannotRun(f"{self._model.path}: input {given.name} has open dimensions")
            if kind in _FLOATS:
                made[given.name] = random.normal(size=shape).astype(_FLOATS[kind])
            elif kind in _WHOLE:
                made[given.name] = random.integers(0, 2, shape).astype(_WHOLE[kind])
            else:
                raise CannotRun(f"{self._model.path}: input {given.name} holds {kind}")
        return made

    def changed(
        self, inputs: Mapping[str, np.ndarray], name: str, axis: int, place: int
    ) -> dict[str, np.ndarray]:
        """Return `inputs` with other values at one position of one axis."""
        import numpy as np

        random = np.random.default_rng(_SEED + 1 + place)
        other = inputs[name].copy()
        index: list[Any] = [slice(None)] * other.ndim
        index[axis] = place
        part = other[tuple(index)]
        if other.dtype.kind == "f":
            part = part + random.normal(scale=3, size=part.shape).astype(other.dtype)
        else:
            part = (1 - part.astype(np.int64)).astype(other.dtype)
        other[tuple(index)] = part
        return {**inputs, name: other}

    def run(
        self, inputs: Mapping[str, np.ndarray], tensors: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Return the values of `tensors`. Raises `CannotRun` where the run fails."""
        try:
            values = self._session.run(list(tensors), dict(inputs))
        except Exception as error:
            raise CannotRun(f"{self._model.path}: onnxruntime: {_first_line(error)}") from error
        return dict(zip(tensors, values, strict=True))


def _complete(path: Path) -> ModelProto:
    """Return the model with its weights; those of an architecture are drawn.

    Raises `CannotRun` where weights are missing, or where they are too many for memory.
    """
    if not is_yaml(path):
        import onnx

        try:
            return onnx.load(str(path))
        except Exception as error:
            raise CannotRun(f"{path}: onnx: {_first_line(error)}") from error
    from archlint.frontends.architecture import compile_architecture
    from archlint.frontends.architecture.export import export
    from archlint.sources.yaml_document import read_yaml

    try:
        return export(compile_architecture(read_yaml(path), path.parent), _SEED)
    except ValueError as error:
        raise CannotRun(f"{path}: {error}") from error


def _session(model: Model, proto: ModelProto, tensors: Sequence[str]) -> InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise CannotRun("--verify needs onnxruntime: pip install 'archlint-nn[verify]'") from error
    from onnx import ValueInfoProto

    outputs = {output.name for output in proto.graph.output}
    made = {name for node in proto.graph.node for name in node.output}
    added = [name for name in tensors if name in made and name not in outputs]
    proto.graph.output.extend(ValueInfoProto(name=name) for name in added)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Rewritten graphs no longer have the tensors that are looked at.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise CannotRun(f"{model.path}: onnxruntime: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
