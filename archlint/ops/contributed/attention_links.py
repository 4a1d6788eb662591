"""How contributed attention reads queries, keys, values, masks and caches."""

from __future__ import annotations

from archlint.ops.call import Call
from archlint.ops.links import InputLinks, Link, Links, Opaque, Through, Whole
from archlint.ops.operator import LinksFacet
from archlint.ops.undetermined import Undetermined


def sees_all(past: int, others: tuple[int, ...] = (), masks: tuple[int, ...] = ()) -> LinksFacet:
    """Return the links of attention: queries (B, T, ...) pass, the rest is read everywhere.

    `others` are the slots of keys and values, `past` is the first slot of the caches, `masks` are
    the slots of what is added to the scores or masks positions.
    """

    def reads(call: Call, output: int) -> InputLinks:
        if output:
            raise Undetermined("the caches of an attention are not followed")
        causal = 1 if is_causal(call) else None
        apart = call.present(others)
        tail = tuple(Whole(axis, features=True) for axis in range(2, call.rank(0)))
        along = Through(1, 1) if apart else Whole(1, causal=causal)
        by_slot: dict[int, Links] = {0: (Through(0, 0), along, *tail)}
        by_slot.update((slot, _sees_others(call, slot, causal)) for slot in apart)
        for slot in call.present((past, past + 1) if past else ()):
            if call.rank(slot) in {4, 5}:
                by_slot[slot] = _sees_cache(call.rank(slot))
        by_slot.update((slot, _sees_mask(call, slot)) for slot in call.present(masks))
        return by_slot

    return reads


def _sees_mask(call: Call, slot: int) -> tuple[Link, ...]:
    """Return the links of a mask: (B), (B, S), (B, T, S) or (B, H, T, S)."""
    rank = call.rank(slot)
    if rank < 3:
        return (Through(0, 0), Whole(1))[:rank]
    heads = tuple(Whole(axis) for axis in range(1, rank - 2))
    return (Through(0, 0), *heads, Through(rank - 2, 1), Whole(rank - 1))


def is_causal(call: Call) -> bool:
    """Whether queries read no later keys, which is the default of grouped attention."""
    if call.node.op in {"GroupQueryAttention", "SparseAttention"}:
        return bool(call.integer("causal", 1))
    return bool(call.integer("unidirectional", 0))


def _sees_others(call: Call, slot: int, causal: int | None) -> tuple[Link, ...]:
    """Return the links of keys or values: (B, S, ...), or (B, H, S, d)."""
    rank = call.rank(slot)
    if rank == 4:
        return (Through(0, 0), Whole(1), Whole(2, causal=causal), Whole(3, features=True))
    rest = (Whole(axis, features=True) for axis in range(2, rank))
    return (Through(0, 0), Whole(1, causal=causal), *rest)


def _sees_cache(rank: int) -> tuple[Link, ...]:
    """Return the links of (B, H, P, d), or (2, B, H, P, d) with keys and values."""
    if rank == 4:
        return (Through(0, 0), Whole(1), Whole(2), Whole(3, features=True))
    return (Whole(0), Through(1, 0), Whole(2), Whole(3), Whole(4, features=True))


def sees_steps_first(_: Call, output: int) -> InputLinks:
    """Queries of (T, B, H) pass; keys of (S, B, H) are read everywhere."""
    if output:
        raise Undetermined("the caches of an attention are not followed")
    feature = Whole(2, features=True)
    return {0: (Whole(0), Through(1, 1), feature), 1: (Whole(0), Through(1, 1), feature)}


def sees_packed_tokens(call: Call, _: int) -> InputLinks:
    """Tokens read those of their own sequence, whose start depends on the data."""
    reason = "the lengths of packed sequences depend on the data"
    return {
        slot: (
            Opaque(0, reason),
            *(Whole(axis, features=True) for axis in range(1, call.rank(slot))),
        )
        for slot in call.present(range(3 if call.node.op == "PackedMultiHeadAttention" else 1))
    }
