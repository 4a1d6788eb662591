"""Embeddings, and parameters that stand on their own."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count, Integers
from archlint.frontends.architecture.layers.shapes import dims, require_rank, size
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor

_INTEGERS = (6, 7)


def embedding(
    site: Site,
    x: Tensor,
    *,
    num_embeddings: Count,
    embedding_dim: Count,
    padding_idx: int | None = None,
) -> Tensor:
    """Look up a learned vector for each integer of the input."""
    if x.dtype not in _INTEGERS:
        raise Rejected(
            "takes integers, but its input is not of an integer type",
            help="declare the input as {shape: [N, S], dtype: int64}",
        )
    if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
        raise Rejected(f"padding_idx is {padding_idx} of {num_embeddings} rows", "padding_idx")
    table = site.weight("weight", (num_embeddings, embedding_dim), default.table())
    return site.node("Gather", table, x, axis=0)


def parameter(site: Site, *, shape: Integers) -> Tensor:
    """Hold a learned tensor that other layers use, such as a scale; drawn as zeros."""
    if not shape or any(number < 1 for number in shape):
        raise Rejected(f"shape is {list(shape)}, expected numbers from 1", "shape")
    return site.weight("weight", shape, default.both("zeros"))


def position_embedding(site: Site, x: Tensor, *, num_embeddings: Count) -> Tensor:
    """Add a learned vector to each position of a sequence (N, S, C)."""
    require_rank(x, 3, "N, S, C")
    length = dims(x)[1]
    table = site.weight(
        "weight", (num_embeddings, size(x, -1, "the number of features")), default.table()
    )
    if isinstance(length, int) and length > num_embeddings:
        raise Rejected(
            f"the sequence has {length} positions, num_embeddings is {num_embeddings}",
            "num_embeddings",
        )
    if length == num_embeddings:
        return site.node("Add", x, table)
    if isinstance(length, int):
        end = site.integers([length], "length")
    else:
        end = site.node("Shape", x, part="length", start=1, end=2)
    start, axes = site.integers([0], "start"), site.integers([0], "axes")
    rows = site.node("Slice", table, start, end, axes, part="rows")
    return site.node("Add", x, rows, shape=x.shape)


def class_token(site: Site, x: Tensor, *, num_tokens: Count = 1) -> Tensor:
    """Put learned tokens before a sequence (N, S, C), as a vision transformer does."""
    require_rank(x, 3, "N, S, C")
    features = size(x, -1, "the number of features")
    token = site.weight("weight", (1, num_tokens, features), default.both("zeros"))
    batch = dims(x)[0]
    if isinstance(batch, int):
        shape = site.integers([batch, 1, 1], "shape")
    else:
        rows = site.node("Shape", x, part="batch", start=0, end=1)
        shape = site.node("Concat", rows, site.integers([1, 1], "ones"), part="shape", axis=0)
    expanded = site.node("Expand", token, shape, part="expanded")
    length = dims(x)[1]
    total = length + num_tokens if isinstance(length, int) else None
    return site.node("Concat", expanded, x, axis=1, shape=(batch, total, features))
