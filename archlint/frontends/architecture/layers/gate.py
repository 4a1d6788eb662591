"""Channel gates, such as squeeze-and-excitation."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from typing import Literal

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count
from archlint.frontends.architecture.layers.shapes import LAYOUTS, require_rank, size
from archlint.frontends.architecture.site import Site
from archlint.frontends.architecture.tensor import Tensor


def squeeze_excitation(
    site: Site,
    x: Tensor,
    *,
    squeeze_channels: Count,
    activation: Literal["ReLU", "SiLU"] = "ReLU",
    scale_activation: Literal["Sigmoid", "Hardsigmoid"] = "Sigmoid",
) -> Tensor:
    """Scale each channel by a gate computed from all channels (Hu et al. 2017)."""
    require_rank(x, 4, LAYOUTS[2])
    channels = size(x, 1, "the number of channels")
    pooled = site.node("GlobalAveragePool", x, part="squeeze")
    narrow = _pointwise(site, pooled, channels, squeeze_channels, "fc1")
    if activation == "ReLU":
        active = site.node("Relu", narrow, part="activation")
    else:
        active = site.node(
            "Mul", narrow, site.node("Sigmoid", narrow, part="sigmoid"), part="activation"
        )
    wide = _pointwise(site, active, squeeze_channels, channels, "fc2")
    if scale_activation == "Sigmoid":
        scale = site.node("Sigmoid", wide, part="scale")
    else:
        scale = site.node("HardSigmoid", wide, part="scale", alpha=1 / 6, beta=0.5)
    return site.node("Mul", x, scale)


def _pointwise(site: Site, x: Tensor, inputs: int, outputs: int, part: str) -> Tensor:
    weight = site.weight(f"{part}.weight", (outputs, inputs, 1, 1), default.kernel())
    bias = site.bias((outputs,), default.bias(inputs), f"{part}.bias")
    return site.node("Conv", x, weight, bias, part=part, kernel_shape=[1, 1])
