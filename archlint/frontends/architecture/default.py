"""Default initializers: what layers use where a file states none, in PyTorch or in Keras."""

from __future__ import annotations

from math import sqrt

from msgspec import Struct

from archlint.frontends.architecture.initializer import Initializer, initializer

PYTORCH, KERAS = "pytorch_default", "keras_default"


class Default(Struct, frozen=True):
    """What a weight is drawn from in each framework.

    `keras_fans` are fan-in and fan-out where Keras, which stores the weight with another shape,
    counts them differently from PyTorch.
    """

    pytorch: Initializer
    keras: Initializer
    keras_fans: tuple[int, int] | None = None

    def of(
        self, framework: str, fans: tuple[int, int] | None
    ) -> tuple[Initializer, tuple[int, int] | None]:
        """Return the initializer of a framework, and the fans that it scales with."""
        if framework == KERAS:
            return self.keras, self.keras_fans or fans
        return self.pytorch, fans


def kernel(keras_fans: tuple[int, int] | None = None) -> Default:
    """Dense layers and convolutions: Kaiming's with a = sqrt(5) in torch.nn, Glorot's in Keras."""
    pytorch = initializer("kaiming_uniform", a=sqrt(5))
    return Default(pytorch, initializer("glorot_uniform"), keras_fans)


def projection(keras_fans: tuple[int, int]) -> Default:
    """The projections of an attention layer before the product: Glorot's in both."""
    return Default(initializer("xavier_uniform"), initializer("glorot_uniform"), keras_fans)


def bias(fan_in: int) -> Default:
    """The bias of a kernel: U(+-1/sqrt(fan-in)) in PyTorch, zeros in Keras."""
    return Default(uniform_within(1 / sqrt(fan_in)), initializer("zeros"))


def table() -> Default:
    """An embedding: N(0, 1) in PyTorch, U(+-0.05) in Keras."""
    return Default(initializer("normal"), uniform_within(0.05))


def recurrent(hidden: int, keras: str) -> Default:
    """A weight or bias of a recurrent cell: U(+-1/sqrt(hidden)) in PyTorch; `keras` names its."""
    return Default(uniform_within(1 / sqrt(hidden)), initializer(keras))


def both(name: str, keras: str | None = None, **settings: float) -> Default:
    """An initializer that both frameworks use, such as ones; `keras` names another for Keras."""
    made = initializer(name, **settings)
    return Default(made, made if keras is None else initializer(keras))


def uniform_within(bound: float) -> Initializer:
    """Make U(-bound, bound)."""
    return initializer("uniform", a=-bound, b=bound)
