"""How a weight is drawn before training: PyTorch's initializers, by their names."""

from __future__ import annotations

from typing import TypeAlias

from archlint.record import record

Setting: TypeAlias = float | str

KNOWN: dict[str, dict[str, Setting]] = {
    "constant": {"value": 0.0},
    "dirac": {},
    "eye": {},
    "kaiming_normal": {"a": 0.0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "kaiming_uniform": {"a": 0.0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "lecun_normal": {},
    "normal": {"mean": 0.0, "std": 1.0},
    "ones": {},
    "orthogonal": {"gain": 1.0},
    "trunc_normal": {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0},
    "uniform": {"a": 0.0, "b": 1.0},
    "xavier_normal": {"gain": 1.0},
    "xavier_uniform": {"gain": 1.0},
    "zeros": {},
}
"""Each initializer with its settings and their defaults, as in torch.nn.init."""

COMPUTED: dict[str, dict[str, Setting]] = {
    "rotary_cos": {"base": 10000.0},
    "rotary_sin": {"base": 10000.0},
}
"""What layers fill their buffers with; a file cannot ask for these."""

CHOICES: dict[str, tuple[str, ...]] = {
    "mode": ("fan_in", "fan_out"),
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
"""The settings that are words, with the words that they take."""


@record
class Initializer:
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


def uniform_within(bound: float) -> Initializer:
    """Make U(-bound, bound)."""
    return initializer("uniform", a=-bound, b=bound)


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
