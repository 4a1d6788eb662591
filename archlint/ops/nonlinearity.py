"""The pointwise functions as NumPy code, from which their effect on a signal is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from archlint.ops.call import Call
from archlint.ops.effect import Activates, Effect
from archlint.ops.operator import SignalFacet
from archlint.ops.undetermined import Undetermined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archlint.ops.effect import Function

    Numbers: TypeAlias = NDArray[np.float64]

FunctionOf: TypeAlias = "Callable[[Call], Function]"
"""Returns the function that a call applies, which its attributes may shape."""

# torch.nn.init.calculate_gain has 5/3 and 3/4; 1 is that of the paper on SELU (Klambauer 2017), at
# which its fixed point is: it comes first.
_PUBLISHED_GAINS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {"Tanh": (5 / 3,), "Selu": (1.0, 0.75)}
)
_GATES = frozenset({"Sigmoid", "HardSigmoid", "Erf", "Exp"})


def activates(function: FunctionOf) -> SignalFacet:
    """Return the effect of applying a function to each element of the first input."""

    def effect(call: Call) -> Effect:
        name = call.node.op
        published = _PUBLISHED_GAINS.get(name, ())
        return Activates(name, function(call), published=published, is_gate=name in _GATES)

    return effect


def relu(_: Call) -> Function:
    """max(x, 0)."""
    return lambda x: x.clip(min=0)


def leaky_relu(call: Call) -> Function:
    """The input where it is positive, alpha times it elsewhere."""
    alpha = call.number("alpha", 0.01)
    return lambda x: x.clip(min=0) + alpha * x.clip(max=0)


def prelu(_: Call) -> Function:
    """A leaky ReLU whose slope is drawn as 0.25, which is PyTorch's default."""
    return lambda x: x.clip(min=0) + 0.25 * x.clip(max=0)


def thresholded_relu(call: Call) -> Function:
    """The input where it is above alpha."""
    alpha = call.number("alpha", 1.0)
    return lambda x: x * (x > alpha)


def clip(call: Call) -> Function:
    """The input between two bounds: attributes before opset 11, operands since."""
    bounds: list[float] = []
    for slot, word in ((1, "min"), (2, "max")):
        operand = call.constant(slot)
        given = call.node.attributes.get(word)
        if operand is not None and operand.size:
            bounds.append(float(operand.reshape(-1)[0]))
        elif isinstance(given, (int, float)):
            bounds.append(float(given))
        else:
            bounds.append(-math.inf if word == "min" else math.inf)
    low, high = bounds
    return lambda x: x.clip(low, high)


def elu(call: Call) -> Function:
    """The input where it is positive, alpha (exp(x) - 1) elsewhere."""
    alpha = call.number("alpha", 1.0)
    return lambda x: x.clip(min=0) + alpha * (_exp(x.clip(max=0)) - 1)


def celu(call: Call) -> Function:
    """The input where it is positive, alpha (exp(x / alpha) - 1) elsewhere."""
    alpha = call.number("alpha", 1.0)
    return lambda x: x.clip(min=0) + alpha * (_exp(x.clip(max=0) / alpha) - 1)


def selu(call: Call) -> Function:
    """A scaled ELU whose fixed point is a variance of one (Klambauer et al. 2017)."""
    alpha, gamma = call.number("alpha", 1.6732632), call.number("gamma", 1.0507010)
    return lambda x: gamma * (x.clip(min=0) + alpha * (_exp(x.clip(max=0)) - 1))


def gelu(_: Call) -> Function:
    """The input times the normal distribution function (its tanh form differs by 1e-3)."""
    return lambda x: x * 0.5 * (1 + _erf(x / math.sqrt(2)))


def quick_gelu(call: Call) -> Function:
    """The input times a sigmoid of alpha x."""
    alpha = call.number("alpha", 1.702)
    return lambda x: x * _sigmoid(alpha * x)


def swish(call: Call) -> Function:
    """The input times a sigmoid of alpha x."""
    alpha = call.number("alpha", 1.0)
    return lambda x: x * _sigmoid(alpha * x)


def mish(_: Call) -> Function:
    """The input times tanh(softplus(x))."""
    return lambda x: x * _tanh(_softplus(x))


def hard_sigmoid(call: Call) -> Function:
    """A line between 0 and 1."""
    alpha, beta = call.number("alpha", 0.2), call.number("beta", 0.5)
    return lambda x: (alpha * x + beta).clip(0, 1)


def hard_swish(_: Call) -> Function:
    """The input times a line between 0 and 1."""
    return lambda x: x * (x / 6 + 0.5).clip(0, 1)


def shrink(call: Call) -> Function:
    """The input moved towards zero by a bias, and zero near zero."""
    bias, lambd = call.number("bias", 0.0), call.number("lambd", 0.5)
    return lambda x: (x + bias) * (x < -lambd) + (x - bias) * (x > lambd)


def softsign(_: Call) -> Function:
    """The input over one plus its absolute value."""
    return lambda x: x / (1 + abs(x))


def numpy_function(name: str) -> FunctionOf:
    """Return a function that numpy has, for any call."""

    def function(_: Call) -> Function:
        import numpy as np

        found: Function = getattr(np, name)
        return found

    return function


def power(call: Call) -> Function:
    """The input to a power that is a known number."""
    exponents = call.known(1).reshape(-1)
    if exponents.size != 1:
        raise Undetermined("a power with several exponents")
    exponent = float(exponents[0])

    def function(x: Numbers) -> Numbers:
        raised: Numbers = x**exponent
        return raised

    return function


def _exp(x: Numbers) -> Numbers:
    import numpy as np

    raised: Numbers = np.exp(x.clip(max=700))
    return raised


def _tanh(x: Numbers) -> Numbers:
    import numpy as np

    return np.tanh(x)


def _softplus(x: Numbers) -> Numbers:
    import numpy as np

    return np.logaddexp(0, x)


def _sigmoid(x: Numbers) -> Numbers:
    return 0.5 * (1 + _tanh(0.5 * x))


def _erf(x: Numbers) -> Numbers:
    import numpy as np

    return np.array([math.erf(each) for each in x.tolist()])


FUNCTIONS: Mapping[str, FunctionOf] = MappingProxyType(
    {
        "Relu": relu,
        "LeakyRelu": leaky_relu,
        "PRelu": prelu,
        "ThresholdedRelu": thresholded_relu,
        "Clip": clip,
        "Elu": elu,
        "Celu": celu,
        "Selu": selu,
        "Gelu": gelu,
        "FastGelu": gelu,
        "QuickGelu": quick_gelu,
        "Swish": swish,
        "Mish": mish,
        "HardSigmoid": hard_sigmoid,
        "HardSwish": hard_swish,
        "Shrink": shrink,
        "Softsign": softsign,
        "Sigmoid": lambda _: _sigmoid,
        "Softplus": lambda _: _softplus,
        "Erf": lambda _: _erf,
        "Tanh": numpy_function("tanh"),
        "Exp": numpy_function("exp"),
        "Abs": numpy_function("abs"),
        "Neg": numpy_function("negative"),
        "Sin": numpy_function("sin"),
        "Cos": numpy_function("cos"),
        "Sqrt": numpy_function("sqrt"),
        "Reciprocal": numpy_function("reciprocal"),
        "Log": numpy_function("log"),
        "Pow": power,
    }
)
"""The function of each pointwise operator, by the operator's name."""


def function_of(name: str) -> SignalFacet | None:
    """Return the effect of the pointwise operator `name`, None where its function is not known."""
    function = FUNCTIONS.get(name)
    return None if function is None else activates(function)
