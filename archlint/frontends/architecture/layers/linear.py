"""Fully connected layers, optionally with low-rank adapters (LoRA)."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from collections.abc import Mapping
from types import MappingProxyType

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count
from archlint.frontends.architecture.default import Default
from archlint.frontends.architecture.layers.shapes import expect, rank, size
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor


def linear(
    site: Site,
    x: Tensor,
    *,
    out_features: Count | None = None,
    bias: bool = True,
    in_features: Count | None = None,
) -> Tensor:
    """Multiply the last axis by a weight matrix; in_features follow from the input."""
    features = size(x, -1, "the number of features")
    expect(features, in_features, "in_features", "features")
    if site.tied is not None:
        return _tied(site, x, site.tied, out_features, bias)
    if out_features is None:
        raise Rejected("needs out_features")
    if site.adapter is not None:
        return _adapted(site, x, out_features, bias)
    if rank(x) == 2:
        weight = site.weight("weight", (out_features, features), default.kernel())
        added = site.bias((out_features,), default.bias(features)) if bias else None
        return site.node("Gemm", x, weight, added, transB=1)
    return project(site, x, out_features, default.bias(features) if bias else None)


def project(
    site: Site,
    x: Tensor,
    out_features: int,
    bias: Default | None,
    *,
    weight: Default | None = None,
    part: str = "",
    fans: tuple[int, int] | None = None,
    facts: Mapping[str, str] = MappingProxyType({}),
) -> Tensor:
    """Multiply the last axis by a new weight, stored (in, out) as MatMul takes it.

    `facts` go into the metadata of its nodes.
    """
    features = size(x, -1, "the number of features")
    prefix = f"{part}." if part else ""
    fans = fans or (features, out_features)
    matrix = site.weight(
        f"{prefix}weight", (features, out_features), weight or default.kernel(), fans
    )
    offset = site.bias((out_features,), bias, f"{prefix}bias") if bias else None
    return multiply(site, x, matrix, offset, part, facts)


def multiply(  # noqa: PLR0917 - a product and what is added, then how they are called
    site: Site,
    x: Tensor,
    matrix: Tensor,
    offset: Tensor | None,
    part: str = "",
    facts: Mapping[str, str] = MappingProxyType({}),
) -> Tensor:
    """Multiply by a matrix and add an offset."""
    if offset is None:
        return site.node("MatMul", x, matrix, part=part, facts=facts)
    name = f"{part}.matmul" if part else "matmul"
    product = site.node("MatMul", x, matrix, part=name, facts=facts)
    return site.node("Add", product, offset, part=part, facts=facts)


def _tied(site: Site, x: Tensor, shared: Tensor, out_features: int | None, bias: bool) -> Tensor:
    """Use the weight of another layer: (out, in), as an embedding stores it, or (in, out)."""
    features = size(x, -1, "the number of features")
    shape = shared.shape or ()
    if len(shape) != 2 or features not in shape:
        raise Rejected(f"cannot share the weight {shared} with an input {x}", "tie")
    if shape[1] == features:
        outputs = shape[0]
        matrix = site.node("Transpose", shared, part="transposed_weight", perm=[1, 0])
    else:
        outputs, matrix = shape[1], shared
    assert isinstance(outputs, int), "the dims of a weight are numbers"  # noqa: S101 - for the type checker
    expect(outputs, out_features, "out_features", "outputs in the shared weight")
    site.used.add("tie")
    return multiply(
        site, x, matrix, site.bias((outputs,), default.bias(features)) if bias else None
    )


def _adapted(site: Site, x: Tensor, out_features: int, bias: bool) -> Tensor:
    """Add a trained product of two thin matrices to a frozen layer (Hu et al. 2021, LoRA)."""
    adapter = site.adapter
    assert adapter is not None, "the caller has looked"  # noqa: S101 - for the type checker
    features = size(x, -1, "the number of features")
    outside, site.frozen = site.frozen, True
    offset = default.bias(features) if bias else None
    base = project(site, x, out_features, offset, part="base")
    site.frozen = False  # what is trained of a frozen layer, or of a frozen block, is its adapter
    down = site.weight(
        "lora_A", (features, adapter.rank), default.kernel(), (features, adapter.rank), "lora"
    )
    up = site.weight(
        "lora_B",
        (adapter.rank, out_features),
        default.both("zeros"),
        (adapter.rank, out_features),
        "lora",
    )
    site.frozen = outside
    thin = site.node("MatMul", site.node("MatMul", x, down, part="down"), up, part="up")
    scale = site.scalar(adapter.alpha / adapter.rank, "scale", x)
    site.used.add("lora")
    return site.node("Add", base, site.node("Mul", thin, scale, part="scaled"))
