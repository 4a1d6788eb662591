"""Borders around maps: zeros, or what is inside, mirrored, repeated or wrapped around."""

# Annotations here are the kinds of arguments, read at run time: they are not postponed.

from collections.abc import Sequence
from typing import Literal, TypeAlias

from archlint.frontends.architecture.argument import Integers
from archlint.frontends.architecture.layers.shapes import LAYOUTS, dims, rank, require_rank
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.tensor import Tensor

Mode: TypeAlias = Literal["constant", "reflect", "replicate", "circular"]

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(
    site: Site, x: Tensor, *, padding: Integers, mode: Mode = "constant", value: float = 0.0
) -> Tensor:
    """Add borders: [left, right, top, bottom, ...], the last axis first, as PyTorch does."""
    axes = rank(x)
    if len(padding) % 2 or len(padding) > 2 * axes:
        raise Rejected(f"padding is a pair an axis, found {list(padding)}", "padding")
    low, high = [0] * axes, [0] * axes
    for number in range(len(padding) // 2):
        low[-1 - number], high[-1 - number] = padding[2 * number], padding[2 * number + 1]
    return bordered(site, x, low, high, mode, value)


def pad_maps(
    axes: int, mode: Mode, site: Site, x: Tensor, *, padding: int | tuple[int, ...]
) -> Tensor:
    """Add borders to maps: one number, or [left, right, top, bottom, ...]."""
    require_rank(x, axes + 2, LAYOUTS[axes])
    pairs = (padding,) * (2 * axes) if isinstance(padding, int) else padding
    if len(pairs) != 2 * axes:
        raise Rejected(f"padding takes one number or {2 * axes}, found {list(pairs)}", "padding")
    return pad(site, x, padding=pairs, mode=mode)


def bordered(  # noqa: PLR0917 - both sides, and what is put there
    site: Site,
    x: Tensor,
    low: Sequence[int],
    high: Sequence[int],
    mode: Mode,
    value: float = 0.0,
    part: str = "",
) -> Tensor:
    """Add borders before (`low`) and after (`high`) each axis of `x`; negative ones cut off."""
    filler = site.scalar(value, "value", x) if mode == "constant" else None
    shape = tuple(
        dim + before + after if isinstance(dim, int) else dim if before == after == 0 else None
        for dim, before, after in zip(dims(x), low, high, strict=True)
    )
    if any(isinstance(dim, int) and dim < 1 for dim in shape):
        raise Rejected(f"nothing is left of {x}", "padding")
    for dim, before, after in zip(dims(x), low, high, strict=True):
        most = _most(mode, dim) if isinstance(dim, int) else None
        if most is not None and max(before, after) > most:
            raise Rejected(f"at most {most} of an axis of {dim} can be put beside it", "padding")
    pads = site.integers([*low, *high], "pads")
    return site.node("Pad", x, pads, filler, part=part, shape=shape, mode=_MODES[mode])


def _most(mode: Mode, dim: int) -> int | None:
    """Return how many elements a side of an axis of `dim` has to put beside it; None for any."""
    return {"reflect": dim - 1, "circular": dim}.get(mode)
