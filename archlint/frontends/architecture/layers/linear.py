"""Fully connected layers."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from math import sqrt

from archlint.frontends.architecture.argument import Count
from archlint.frontends.architecture.initializer import initializer, uniform_within
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
        raise Rejected("out_features is missing")
    default = initializer("kaiming_uniform", a=sqrt(5))
    offset = uniform_within(1 / sqrt(features))
    if rank(x) == 2:
        weight = site.weight("weight", (out_features, features), default)
        added = site.bias((out_features,), offset) if bias else None
        return site.node("Gemm", x, weight, added, transB=1)
    # With more axes the weight is stored (in, out), as MatMul takes it.
    weight = site.weight("weight", (features, out_features), default, (features, out_features))
    return _multiply(site, x, weight, site.bias((out_features,), offset) if bias else None)


def _tied(site: Site, x: Tensor, shared: Tensor, out_features: int | None, bias: bool) -> Tensor:
    """Use the (out, in) weight of another layer."""
    if shared.shape is None or len(shared.shape) != 2 or shared.shape[1] != size(x, -1, "width"):
        raise Rejected(f"cannot share the weight {shared} with an input {x}", "tie")
    outputs = size(shared, 0, "the number of rows")
    expect(outputs, out_features, "out_features", "rows in the shared weight")
    weight = site.node("Transpose", shared, part="transposed_weight", perm=[1, 0])
    features = size(x, -1, "the number of features")
    offset = uniform_within(1 / sqrt(features))
    return _multiply(site, x, weight, site.bias((outputs,), offset) if bias else None)


def _multiply(site: Site, x: Tensor, weight: Tensor, offset: Tensor | None) -> Tensor:
    if offset is None:
        return site.node("MatMul", x, weight)
    return site.node("Add", site.node("MatMul", x, weight, part="matmul"), offset)
