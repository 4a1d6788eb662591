"""A compiled architecture with weights, drawn from its declared initializers."""

from __future__ import annotations

import zlib
from math import prod, sqrt
from typing import TYPE_CHECKING, cast

from archlint.frontends.architecture.initializer import Initializer, read

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.random import Generator
    from numpy.typing import NDArray
    from onnx import TensorProto

    from archlint.frontends.architecture.architecture import Architecture

_LARGEST_FILE = 2**31
_CONSTANTS = {"zeros": 0.0, "ones": 1.0}
_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2),
    "selu": 3 / 4,
}


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
        fans = int(facts.get("archlint.fan_in", 1)), int(facts.get("archlint.fan_out", 1))
        values = draw(read(facts["archlint.initializer"]), tuple(tensor.dims), fans, random)
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
    return _random(initializer, number, shape, fans, random)


def _random(
    initializer: Initializer,
    number: dict[str, float],
    shape: tuple[int, ...],
    fans: tuple[int, int],
    random: Generator,
) -> NDArray[np.floating]:
    name = initializer.name
    if name == "normal":
        return random.normal(number["mean"], number["std"], shape)
    if name == "uniform":
        return random.uniform(number["a"], number["b"], shape)
    if name == "trunc_normal":
        return _truncated(shape, number, random)
    if name == "orthogonal":
        return _orthogonal(shape, number["gain"], random)
    std = deviation(initializer, fans)
    if name.endswith("uniform"):
        return random.uniform(-sqrt(3) * std, sqrt(3) * std, shape)
    return random.normal(0, std, shape)


def deviation(initializer: Initializer, fans: tuple[int, int]) -> float:
    """Return the standard deviation of an initializer that scales with the fans.

    xavier (Glorot, Bengio 2010): gain sqrt(2 / (fan-in + fan-out)); kaiming (He et al. 2015):
    gain / sqrt(fan); lecun: 1 / sqrt(fan-in).
    """
    settings = dict(initializer.settings)
    fan_in, fan_out = fans
    if initializer.name.startswith("xavier"):
        return float(settings["gain"]) * sqrt(2 / (fan_in + fan_out))
    if initializer.name == "lecun_normal":
        return 1 / sqrt(fan_in)
    fan = fan_in if settings["mode"] == "fan_in" else fan_out
    return gain(str(settings["nonlinearity"]), float(settings["a"])) / sqrt(fan)


def gain(nonlinearity: str, slope: float) -> float:
    """Return PyTorch's gain of a nonlinearity; `slope` is that of a leaky ReLU."""
    return sqrt(2 / (1 + slope**2)) if nonlinearity == "leaky_relu" else _GAINS[nonlinearity]


def _truncated(
    shape: tuple[int, ...], number: dict[str, float], random: Generator
) -> NDArray[np.floating]:
    """Draw normal numbers until all are between the bounds."""
    import numpy as np

    values = random.normal(number["mean"], number["std"], shape)
    for _ in range(1000):
        outside = (values < number["a"]) | (values > number["b"])
        if not outside.any():
            break
        values[outside] = random.normal(number["mean"], number["std"], int(outside.sum()))
    return np.clip(values, number["a"], number["b"])


def _orthogonal(shape: tuple[int, ...], factor: float, random: Generator) -> NDArray[np.floating]:
    """Make the rows or the columns of the flattened weight orthonormal (Saxe et al. 2013)."""
    import numpy as np

    rows, columns = shape[0], prod(shape[1:])
    normal = random.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q *= np.sign(np.diag(r))
    matrix = q if rows >= columns else q.T
    return cast("NDArray[np.floating]", factor * matrix.reshape(shape))


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
