"""Initializers of PyTorch, Keras and timm, under their own names."""

from __future__ import annotations

from math import prod
from typing import TypeAlias

from msgspec import Struct

Setting: TypeAlias = float | str

KNOWN: dict[str, dict[str, Setting]] = {
    "constant": {"value": 0.0},
    "dirac": {},
    "eye": {},
    "glorot_normal": {},
    "glorot_uniform": {},
    "he_normal": {},
    "he_uniform": {},
    "kaiming_normal": {"a": 0.0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "kaiming_uniform": {"a": 0.0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "keras_default": {},
    "lecun_normal": {},
    "lecun_uniform": {},
    "normal": {"mean": 0.0, "std": 1.0},
    "ones": {},
    "orthogonal": {"gain": 1.0},
    "pytorch_default": {},
    "random_normal": {"mean": 0.0, "stddev": 0.05},
    "random_uniform": {"minval": -0.05, "maxval": 0.05},
    "trunc_normal": {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0},
    "trunc_normal_tf": {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0},
    "truncated_normal": {"mean": 0.0, "stddev": 0.05},
    "uniform": {"a": 0.0, "b": 1.0},
    "variance_scaling": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"},
    "xavier_normal": {"gain": 1.0},
    "xavier_uniform": {"gain": 1.0},
    "zeros": {},
}
"""Each initializer with its settings and their defaults: those of torch.nn.init, of timm's
truncated normal distribution, and of keras.initializers; the two defaults are those of a layer."""

SCALING: dict[str, tuple[float, str, str]] = {
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
    "lecun_uniform": (1.0, "fan_in", "uniform"),
}
"""Keras' names of variance scaling with a scale, a fan and a distribution."""

COMPUTED: dict[str, dict[str, Setting]] = {
    "forget_gate": {},
    "rotary_cos": {"base": 10000.0},
    "rotary_sin": {"base": 10000.0},
}
"""Initializers that only layers use; a file cannot name them."""

CHOICES: dict[str, tuple[str, ...]] = {
    "distribution": ("truncated_normal", "untruncated_normal", "uniform"),
    "mode": ("fan_in", "fan_out", "fan_avg"),
    "nonlinearity": (
        "linear",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
        "conv1d",
        "conv2d",
        "conv3d",
    ),
}
"""The settings that are words, with the words that they take in some initializer."""

SPREADS = frozenset({"scale", "std", "stddev"})
"""The settings that are not negative."""

BOUNDS = (("a", "b"), ("minval", "maxval"))
"""The settings of which the first is not above the second."""


class Initializer(Struct, frozen=True):
    """An initializer with its settings; the text is what a weight's metadata holds."""

    name: str
    settings: tuple[tuple[str, Setting], ...] = ()

    def __str__(self) -> str:
        """Its canonical text, as `normal(mean=0, std=0.02)`."""
        inside = ", ".join(f"{name}={_text(value)}" for name, value in self.settings)
        return f"{self.name}({inside})"


def initializer(name: str, **settings: Setting) -> Initializer:
    """Make an initializer; settings that are not given have PyTorch's defaults."""
    return Initializer(name, tuple({**_defaults(name), **settings}.items()))


def choices(name: str, setting: str) -> tuple[str, ...]:
    """Return the words that a setting takes; PyTorch's initializers have no average fan."""
    words = CHOICES[setting]
    return words if name == "variance_scaling" or setting != "mode" else words[:2]


def scaling(made: Initializer) -> tuple[float, str, str] | None:
    """Return scale, mode and distribution of variance scaling, under any of its names."""
    if made.name == "variance_scaling":
        settings = dict(made.settings)
        scale, mode, distribution = (settings[key] for key in ("scale", "mode", "distribution"))
        return float(scale), str(mode), str(distribution)
    return SCALING.get(made.name)


def matrices(dims: tuple[int, ...], fans: tuple[int, int]) -> tuple[int, int, int]:
    """Return how many matrices a weight holds, their rows and their columns.

    It is one, flattened as torch.nn.init does it, but for ONNX's recurrent weights, which hold one
    for each direction: there the last two axes are the fans.
    """
    if len(dims) == 3 and dims[1] * dims[2] == fans[0] * fans[1]:
        return dims[0], dims[1], dims[2]
    return 1, dims[0], prod(dims[1:])


def read(text: str) -> Initializer:
    """Read the canonical text of an initializer; raises ValueError."""
    name, bracket, inside = text.partition("(")
    if name not in {*KNOWN, *COMPUTED} or not bracket or not inside.endswith(")"):
        raise ValueError(f"not an initializer: {text!r}")
    settings: dict[str, Setting] = {}
    for part in filter(None, inside[:-1].split(",")):
        key, _, value = part.strip().partition("=")
        settings[key] = value if key in CHOICES else float(value)
    return initializer(name, **settings)


def _defaults(name: str) -> dict[str, Setting]:
    return KNOWN[name] if name in KNOWN else COMPUTED[name]


def _text(value: Setting) -> str:
    return value if isinstance(value, str) else f"{value:.9g}"
