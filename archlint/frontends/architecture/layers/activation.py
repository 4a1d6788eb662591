"""Activations."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from collections.abc import Callable
from functools import partial
from typing import Literal

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count
from archlint.frontends.architecture.layers.shapes import axis_of, rank, size
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor
from archlint.frontends.properties import IN_PLACE


def unary(op: str, site: Site, x: Tensor) -> Tensor:
    """Apply a function to each element."""
    return site.node(op, x)


def unary_in_place(
    op: str,
    site: Site,
    x: Tensor,
    *,
    inplace: bool = False,  # noqa: ARG001 - PyTorch saves as much then
) -> Tensor:
    """Apply a function to each element, maybe in the tensor itself."""
    return site.node(op, x)


def relu6(site: Site, x: Tensor, *, inplace: bool = False) -> Tensor:  # noqa: ARG001 - as hardtanh
    """Compute min(max(x, 0), 6)."""
    return _clip(site, x, 0.0, 6.0)


def hardtanh(
    site: Site,
    x: Tensor,
    *,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,  # noqa: ARG001 - as unary_in_place
) -> Tensor:
    """Cut values off below and above."""
    return _clip(site, x, min_val, max_val)


def leaky_relu(
    site: Site, x: Tensor, *, negative_slope: float = 0.01, inplace: bool = False
) -> Tensor:
    """Compute x where it is positive, and a small part of it elsewhere."""
    return site.node("LeakyRelu", x, facts=_in_place(inplace=inplace), alpha=negative_slope)


def prelu(site: Site, x: Tensor, *, num_parameters: Count = 1) -> Tensor:
    """Compute a leaky ReLU whose slope is learned, for all channels or for each."""
    dims: tuple[int, ...] = (1,)
    if num_parameters > 1:
        channels = size(x, 1, "the number of channels")
        if channels != num_parameters:
            raise Rejected(
                f"num_parameters is {num_parameters}, but its input has {channels} channels",
                "num_parameters",
            )
        dims = (channels, *[1] * (rank(x) - 2))
    slope = default.both("constant", keras="zeros", value=0.25)
    return site.node("PRelu", x, site.weight("weight", dims, slope))


def elu(site: Site, x: Tensor, *, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Compute x where it is positive, and alpha (exp(x) - 1) elsewhere."""
    return site.node("Elu", x, facts=_in_place(inplace=inplace), alpha=alpha)


def celu(site: Site, x: Tensor, *, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Compute x where it is positive, and alpha (exp(x / alpha) - 1) elsewhere."""
    return site.node("Celu", x, facts=_in_place(inplace=inplace), alpha=alpha)


def selu(site: Site, x: Tensor, *, inplace: bool = False) -> Tensor:
    """Compute an ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    return site.node("Selu", x, facts=_in_place(inplace=inplace))


def gelu(site: Site, x: Tensor, *, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Compute x times the normal distribution function of x."""
    return site.node("Gelu", x, approximate=approximate)


def silu(site: Site, x: Tensor, *, inplace: bool = False) -> Tensor:  # noqa: ARG001 - as hardtanh
    """Compute x times its sigmoid (swish)."""
    return site.node("Mul", x, site.node("Sigmoid", x, part="sigmoid"))


def hardsigmoid(site: Site, x: Tensor, *, inplace: bool = False) -> Tensor:  # noqa: ARG001 - as hardtanh
    """Compute x / 6 + 1 / 2, cut off at 0 and 1."""
    return site.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)


def log_sigmoid(site: Site, x: Tensor) -> Tensor:
    """Compute the logarithm of the sigmoid."""
    return site.node("Log", site.node("Sigmoid", x, part="sigmoid"))


def softplus(site: Site, x: Tensor, *, beta: float = 1.0) -> Tensor:
    """Compute log(1 + exp(beta x)) / beta."""
    if beta == 1:
        return site.node("Softplus", x)
    scaled = site.node("Mul", x, site.scalar(beta, "beta", x), part="scaled")
    soft = site.node("Softplus", scaled, part="softplus")
    return site.node("Div", soft, site.scalar(beta, "beta", x))


def softmax(site: Site, x: Tensor, *, dim: int = -1) -> Tensor:
    """Turn the values along an axis into probabilities."""
    return site.node("Softmax", x, axis=axis_of(x, dim))


def log_softmax(site: Site, x: Tensor, *, dim: int = -1) -> Tensor:
    """Turn the values along an axis into logarithms of probabilities."""
    return site.node("LogSoftmax", x, axis=axis_of(x, dim))


def glu(site: Site, x: Tensor, *, dim: int = -1) -> Tensor:
    """Multiply the first half of an axis by the sigmoid of the second half."""
    axis = axis_of(x, dim)
    total = size(x, axis, "the size of the axis")
    if total % 2:
        raise Rejected(f"cannot halve axis {dim} of {x}: {total} is odd", "dim")
    value, gate = site.nodes("Split", x, outputs=2, part="halves", axis=axis, num_outputs=2)
    return site.node("Mul", value, site.node("Sigmoid", gate, part="sigmoid"))


def _in_place(*, inplace: bool) -> dict[str, str]:
    """Return the metadata by which it is known whether autograd saves the input or the output."""
    return {IN_PLACE: "true" if inplace else "false"}


def _clip(site: Site, x: Tensor, low: float, high: float) -> Tensor:
    return site.node("Clip", x, site.scalar(low, "min", x), site.scalar(high, "max", x))


ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "CELU": celu,
    "ELU": elu,
    "GELU": gelu,
    "GLU": glu,
    "Hardsigmoid": hardsigmoid,
    "Hardswish": partial(unary_in_place, "HardSwish"),
    "Hardtanh": hardtanh,
    "LeakyReLU": leaky_relu,
    "LogSigmoid": log_sigmoid,
    "LogSoftmax": log_softmax,
    "Mish": partial(unary_in_place, "Mish"),
    "PReLU": prelu,
    "ReLU": partial(unary_in_place, "Relu"),
    "ReLU6": relu6,
    "SELU": selu,
    "SiLU": silu,
    "Sigmoid": partial(unary, "Sigmoid"),
    "Softmax": softmax,
    "Softplus": softplus,
    "Softsign": partial(unary, "Softsign"),
    "Tanh": partial(unary, "Tanh"),
}
