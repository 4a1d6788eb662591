"""Attention: multi-head, cross, causal, grouped-query, rotary.

What PyTorch's own layer has is computed as it does: with one matrix for query, key and value, or
for key and value, and the steps of sequences first (`STEPS_FIRST`).
"""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from archlint.frontends.architecture import default
from archlint.frontends.architecture.argument import Count, Fraction
from archlint.frontends.architecture.default import Default
from archlint.frontends.architecture.initializer import initializer
from archlint.frontends.architecture.layers.linear import project
from archlint.frontends.architecture.layers.shapes import dims, expect, require_rank, size
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor
from archlint.frontends.properties import STEPS_FIRST


def multihead_attention(
    site: Site,
    query: Tensor,
    key: Tensor | None = None,
    value: Tensor | None = None,
    *,
    num_heads: Count,
    embed_dim: Count | None = None,
    dropout: Fraction = 0.0,  # noqa: ARG001 - acts on the weights inside the kernel
    bias: bool = True,
    is_causal: bool = False,
    num_kv_heads: Count | None = None,
    head_dim: Count | None = None,
    rotary: bool = False,
    rotary_base: float = 10000.0,
    max_positions: Count = 2048,
) -> Tensor:
    """Attend to a sequence (N, S, C): its own, or that of the second input."""
    require_rank(query, 3, "N, S, C")
    features = size(query, -1, "the number of features")
    expect(features, embed_dim, "embed_dim", "features")
    width = head_dim or _split(features, num_heads)
    groups = num_kv_heads or num_heads
    if num_heads % groups:
        raise Rejected(
            f"{num_heads} heads cannot share {groups} key and value heads", "num_kv_heads"
        )
    offset = default.both("zeros") if bias else None
    is_pytorch = groups == num_heads and width * num_heads == features  # what its own layer has
    if is_pytorch and key is None:
        asked, kept, values = _packed(site, query, features, offset)
    elif is_pytorch and key is not None and value is None and dims(key)[-1] == features:
        asked, kept, values = _crossing(site, query, key, features, offset)
    else:
        inputs = (query, key or query, value or key or query)
        widths = (num_heads * width, groups * width)
        asked, kept, values = _separate(site, inputs, widths, offset)
    if rotary:
        caches = _rotary_caches(site, width, rotary_base, max_positions)
        asked = _rotate(site, asked, caches, num_heads, "query")
        kept = _rotate(site, kept, caches, groups, "key")
    attended = site.node(
        "Attention",
        asked,
        kept,
        values,
        part="attention",
        q_num_heads=num_heads,
        kv_num_heads=groups,
        is_causal=int(is_causal),
        shape=(*dims(query)[:2], num_heads * width),
    )
    facts = {STEPS_FIRST: "true"} if is_pytorch else {}
    return project(site, attended, features, offset, part="out_proj", facts=facts)


def _split(features: int, heads: int) -> int:
    """Return the width of a head."""
    if features % heads:
        raise Rejected(f"{features} features cannot be split into {heads} heads", "num_heads")
    return features // heads


def _packed(
    site: Site, x: Tensor, features: int, offset: Default | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Make query, key and value with one matrix, as PyTorch stores and draws them."""
    query, key, value = _joined(site, x, features, 3, offset, "in_proj")
    return query, key, value


def _crossing(
    site: Site, query: Tensor, memory: Tensor, features: int, offset: Default | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Make the query with one matrix, and key and value with another."""
    require_rank(memory, 3, "N, S, C")
    asked = _projected(site, query, features, 1, offset, "q_proj")
    kept, values = _joined(site, memory, features, 2, offset, "kv_proj")
    return asked, kept, values


def _joined(  # noqa: PLR0917 - the sizes of the matrix
    site: Site, x: Tensor, features: int, parts: int, offset: Default | None, part: str
) -> tuple[Tensor, ...]:
    """Make several tensors with one matrix, whose product is split."""
    joined = _projected(site, x, features, parts, offset, part)
    return site.nodes(
        "Split", joined, outputs=parts, part="split", facts={STEPS_FIRST: "true"}, axis=2,
        num_outputs=parts,
    )  # fmt: skip


def _projected(  # noqa: PLR0917 - the sizes of the matrix
    site: Site, x: Tensor, features: int, parts: int, offset: Default | None, part: str
) -> Tensor:
    """Multiply by rows of the matrix that PyTorch stores and draws for query, key and value."""
    return project(
        site,
        x,
        parts * features,
        offset,
        weight=default.projection((features, features)),
        part=part,
        fans=(features, 3 * features),
        facts={STEPS_FIRST: "true"},
    )


def _separate(
    site: Site,
    inputs: tuple[Tensor, Tensor, Tensor],
    widths: tuple[int, int],
    offset: Default | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Make query, key and value with a matrix each; `widths` are those of query and key."""
    query, key, value = inputs
    query_width, key_width = widths
    for x in (key, value):
        require_rank(x, 3, "N, S, C")
    made = []
    parts = (
        ("q_proj", query, query_width),
        ("k_proj", key, key_width),
        ("v_proj", value, key_width),
    )
    for part, x, width in parts:
        fan_in = size(x, -1, "the number of features")
        # PyTorch draws the three as one matrix where they are alike.
        fan_out = 3 * width if width == query_width == fan_in else width
        made.append(
            project(
                site,
                x,
                width,
                offset,
                part=part,
                fans=(fan_in, fan_out),
                weight=default.projection((fan_in, width)),
            )
        )
    return made[0], made[1], made[2]


def _rotary_caches(site: Site, width: int, base: float, positions: int) -> tuple[Tensor, Tensor]:
    if width % 2:
        raise Rejected(f"rotary embedding takes an even head_dim, found {width}", "rotary")
    shape = (positions, width // 2)
    return (
        site.buffer("cos_cache", shape, initializer("rotary_cos", base=base)),
        site.buffer("sin_cache", shape, initializer("rotary_sin", base=base)),
    )


def _rotate(site: Site, x: Tensor, caches: tuple[Tensor, Tensor], heads: int, part: str) -> Tensor:
    """Rotate pairs of features by an angle proportional to the position (Su et al. 2021)."""
    shape = site.node("Shape", x, part=f"{part}.shape", start=0, end=2)
    length = site.node("Shape", x, part=f"{part}.length", start=1, end=2)
    stop = site.node("Squeeze", length, part=f"{part}.stop")
    zero, one = site.integer(0, "zero"), site.integer(1, "one")
    numbers = site.node("Range", zero, stop, one, part=f"{part}.range")
    positions = site.node("Expand", numbers, shape, part=f"{part}.positions")
    return site.node(
        "RotaryEmbedding",
        x,
        *caches,
        positions,
        part=f"{part}.rotated",
        num_heads=heads,
        shape=x.shape,
    )
