"""Modules that start as copies of others, such as momentum encoders and target networks.

A network that learns from a slowly moving copy of itself (MoCo, BYOL, DQN) copies its weights at
first, and then updates the copy without gradients. No file says so. The sign is that the matrices
of two modules begin with the same numbers, as `encoder.0.weight` and `target.0.weight`. Modules
whose names differ in a number are repeated layers or experts, and are trained.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from archlint.graph.value import Value
    from archlint.sources.tensor_numbers import ReadFirst

Pair: TypeAlias = tuple[str, str]

_COPY_AND_ORIGINAL = 2
_DIGITS = "0123456789"
_NUMBERS = 8
_FEWEST = 2  # of matrices that are alike: one may be by chance, as a layer that is repeated


def copied_weights(
    names: Collection[str], values: Mapping[str, Value], first: ReadFirst
) -> frozenset[str]:
    """Return the parameters of modules that are copies: of two equal ones, the later one is.

    `first` reads the first numbers of a stored tensor.
    """
    copies: set[str] = set()
    for (one, other), weights in _twins(names, values).items():
        if len(weights) >= _FEWEST and all(_are_alike(pair, values, first) for pair in weights):
            copies.update(name for name in names if name.startswith(f"{other}."))
            copies.difference_update(name for name in names if name.startswith(f"{one}."))
    return frozenset(copies)


def _twins(names: Collection[str], values: Mapping[str, Value]) -> Mapping[Pair, list[Pair]]:
    """Return the pairs of matrices with equal names in two modules, by the pair of modules."""
    alike: dict[tuple[object, ...], list[Pair]] = defaultdict(list)
    for name in names:
        shape, parts = values[name].sizes or (), name.split(".")
        for at in range(len(parts) - 1) if len(shape) > 1 else ():
            around = (*parts[:at], at, *parts[at + 1 :], shape)
            alike[around].append((".".join(parts[: at + 1]), name))
    twins: dict[Pair, list[Pair]] = defaultdict(list)
    for found in alike.values():
        if len(found) == _COPY_AND_ORIGINAL:
            (one, weight), (other, copy) = found
            if one.rstrip(_DIGITS) != other.rstrip(_DIGITS):
                twins[one, other].append((weight, copy))
    return twins


def _are_alike(pair: Pair, values: Mapping[str, Value], first: ReadFirst) -> bool:
    """Whether two matrices begin with the same numbers, which are not all one number."""
    one, other = (first(name, min(_NUMBERS, values[name].elements or 0)) for name in pair)
    if one is None or other is None:
        return False
    return one.tolist() == other.tolist() and bool((one != one[0]).any())
