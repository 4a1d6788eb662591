"""Draws the weights of a compiled architecture from its declared initializers."""

from __future__ import annotations

import zlib
from math import prod, sqrt
from typing import TYPE_CHECKING, cast

from archlint.frontends.architecture.initializer import Initializer, matrices, read, scaling
from archlint.frontends.architecture.spread import TRUNCATED, TRUNCATION, cut, deviation
from archlint.frontends.properties import FAN_IN, FAN_OUT, INITIALIZER

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.random import Generator
    from numpy.typing import NDArray
    from onnx import TensorProto

    from archlint.frontends.architecture.architecture import Architecture

_LARGEST_FILE = 2**31
_STATED = frozenset({"normal", "random_normal", "uniform", "random_uniform"})
_CONSTANTS = {"zeros": 0.0, "ones": 1.0}


def export(architecture: Architecture, seed: int = 0) -> onnx.ModelProto:
    """Return the model with data in every weight; the same seed gives the same bytes.

    Each weight is drawn on its own, so a change elsewhere in the file does not move it. Raises
    ValueError for more weights than one ONNX file can hold.
    """
    import numpy as np
    from onnx import ModelProto

    weights = [tensor for tensor in architecture.model.graph.initializer if _is_declared(tensor)]
    nbytes = sum(4 * prod(tensor.dims) for tensor in weights)
    if nbytes >= _LARGEST_FILE:
        raise ValueError(f"its weights take {nbytes:,} bytes, and an ONNX file holds up to 2 GiB")
    model = ModelProto()
    model.CopyFrom(architecture.model)
    for tensor in model.graph.initializer:
        if not _is_declared(tensor):
            continue
        facts = {entry.key: entry.value for entry in tensor.metadata_props}
        random = np.random.default_rng([seed, zlib.crc32(tensor.name.encode())])
        fans = int(facts.get(FAN_IN, 1)), int(facts.get(FAN_OUT, 1))
        values = draw(read(facts[INITIALIZER]), tuple(tensor.dims), fans, random)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = values.astype("<f4").tobytes()
    return model


def _is_declared(tensor: TensorProto) -> bool:
    return bool(tensor.data_location == type(tensor).EXTERNAL)


def draw(
    initializer: Initializer, shape: tuple[int, ...], fans: tuple[int, int], random: Generator
) -> NDArray[np.floating]:
    """Draw a weight of `shape`; `fans` are its fan-in and fan-out."""
    import numpy as np

    name = initializer.name
    number = {key: value for key, value in initializer.settings if not isinstance(value, str)}
    if name in _CONSTANTS:
        return np.full(shape, _CONSTANTS[name])
    if name == "constant":
        return np.full(shape, number["value"])
    if name in {"rotary_cos", "rotary_sin"}:
        return _rotary(name, shape, number["base"])
    if name in {"eye", "dirac"}:
        return _identity(shape)
    if name == "forget_gate":
        return _forget_gate(shape)
    return _random(initializer, number, shape, fans, random)


def _random(
    initializer: Initializer,
    number: dict[str, float],
    shape: tuple[int, ...],
    fans: tuple[int, int],
    random: Generator,
) -> NDArray[np.floating]:
    name = initializer.name
    if name in TRUNCATED:
        return _truncated(shape, *cut(name, number), random)
    if name == "orthogonal":
        return _orthogonal(shape, matrices(shape, fans), number["gain"], random)
    if name in _STATED:
        first, second = number.values()
        is_normal = name.endswith("normal")
        return (random.normal if is_normal else random.uniform)(first, second, shape)
    std = deviation(initializer, fans)
    distribution = (scaling(initializer) or (0, "", name))[2]
    if distribution == "truncated_normal":
        wide = std / TRUNCATION
        return _truncated(shape, 0, wide, -2 * wide, 2 * wide, random)
    if distribution.endswith("uniform"):
        return random.uniform(-sqrt(3) * std, sqrt(3) * std, shape)
    return random.normal(0, std, shape)


def _truncated(  # noqa: PLR0913, PLR0917 - the parameters of a distribution
    shape: tuple[int, ...], mean: float, std: float, low: float, high: float, random: Generator
) -> NDArray[np.floating]:
    """Draw normal numbers until all are between the bounds."""
    import numpy as np

    values = random.normal(mean, std, shape)
    for _ in range(1000):
        outside = (values < low) | (values > high)
        if not outside.any():
            break
        values[outside] = random.normal(mean, std, int(outside.sum()))
    return np.clip(values, low, high)


def _orthogonal(
    shape: tuple[int, ...], sizes: tuple[int, int, int], factor: float, random: Generator
) -> NDArray[np.floating]:
    """Make the rows or the columns of each matrix orthonormal (Saxe et al. 2013)."""
    import numpy as np

    count, rows, columns = sizes
    normal = random.normal(size=(count, max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    stacked = q if rows >= columns else q.transpose(0, 2, 1)
    return cast("NDArray[np.floating]", factor * stacked.reshape(shape))


def _forget_gate(shape: tuple[int, ...]) -> NDArray[np.floating]:
    """Put ones in the forget gate of the first of two biases of an LSTM, as Keras does.

    ONNX's gates are input, output, forget and cell (Jozefowicz et al. 2015 on the ones).
    """
    import numpy as np

    values = np.zeros(shape)
    hidden = shape[-1] // 8
    values[..., 2 * hidden : 3 * hidden] = 1
    return values


def _identity(shape: tuple[int, ...]) -> NDArray[np.floating]:
    """Put ones where a kernel passes a channel on unchanged."""
    import numpy as np

    values = np.zeros(shape)
    centre = tuple(size // 2 for size in shape[2:])
    for channel in range(min(shape[:2])):
        values[(channel, channel, *centre)] = 1
    return values


def _rotary(name: str, shape: tuple[int, ...], base: float) -> NDArray[np.floating]:
    """Fill a cache of rotary embedding: angle = position / base ** (pair / pairs)."""
    import numpy as np

    positions, pairs = shape
    angles = np.outer(np.arange(positions), base ** (-np.arange(pairs) / pairs))
    return cast("NDArray[np.floating]", (np.cos if name == "rotary_cos" else np.sin)(angles))
