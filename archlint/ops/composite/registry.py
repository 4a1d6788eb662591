"""The known composites, by their final operator and by the exporter's name for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from archlint.ops.composite import (
    activation,
    attention,
    copies,
    creation,
    distance,
    indexing,
    linear,
    lookup,
    loss,
    movement,
    normalization,
    pointwise,
    precomputed,
    recurrent,
    reduction,
    resampling,
    spectral,
    strided,
    unpooling,
    windows,
)
from archlint.ops.composite.composite import Composite, Form
from archlint.ops.composite.pattern import Made
from archlint.ops.operator import Operator


class Candidate(Struct, frozen=True):
    """A form that a node may end, if operators of these names make what it is given."""

    composite: Composite
    form: Form
    makers: frozenset[str]


class Composites(Struct, frozen=True):
    """The known composites; where several fit, the earlier one counts."""

    entries: tuple[Composite, ...]
    by_root: Mapping[str, tuple[tuple[Composite, Form], ...]]
    by_target: Mapping[str, tuple[Composite, ...]]

    def among(self, ops: frozenset[str]) -> Mapping[str, tuple[Candidate, ...]]:
        """Return by their roots those forms for which a graph of these operators has all."""
        return {
            op: tuple(
                Candidate(entry, form, form.pattern.makers)
                for entry, form in forms
                if form.pattern.can_be_of(ops)
            )
            for op, forms in self.by_root.items()
            if op in ops
        }


def composites(*, attention_kernel: str = "flash", drops_fused: bool = False) -> Composites:
    """Return what the framework runs; `attention_kernel` is the fused one, or "math" for none.

    `drops_fused` tells that the fused kernel takes dropout, as that of GPUs does.
    """
    return _indexed(
        replace(entry, forms=tuple(form for form in entry.forms if not form.by_hand))
        for entry in _entries(attention_kernel, drops_fused=drops_fused)
    )


def meanings() -> Composites:
    """Return the composites whose effect on a signal is known, in every form that computes them."""
    return _indexed(
        replace(entry, forms=tuple(replace(form, spans_calls=True) for form in entry.forms))
        for entry in (*activation.composites(), *normalization.composites())
        if entry.operator.signal is not None
    )


def _entries(attention_kernel: str, *, drops_fused: bool = False) -> tuple[Composite, ...]:
    return (
        *attention.composites(attention_kernel, drops_fused=drops_fused),
        *activation.composites(),
        *creation.composites(),
        *distance.composites(),
        *precomputed.composites(),
        *linear.composites(),
        *lookup.composites(),
        *loss.composites(),
        *movement.composites(),
        *copies.composites(),
        *indexing.composites(),
        *windows.composites(),
        *normalization.composites(),
        *pointwise.composites(),
        *recurrent.composites(),
        *reduction.composites(),
        *resampling.composites(),
        *spectral.composites(),
        *strided.composites(),
        *unpooling.composites(),
    )


def _indexed(composites_: Iterable[Composite]) -> Composites:
    entries = tuple(composites_)
    by_root: dict[str, list[tuple[Composite, Form]]] = {}
    by_target: dict[str, list[Composite]] = {}
    for composite in entries:
        for target in composite.targets:
            by_target.setdefault(target, []).append(composite)
        for form in composite.forms:
            if isinstance(form.pattern, Made):
                by_root.setdefault(form.pattern.op, []).append((composite, form))
    return Composites(
        entries,
        {op: tuple(forms) for op, forms in by_root.items()},
        {target: tuple(found) for target, found in by_target.items()},
    )


def framework_operators() -> tuple[Operator, ...]:
    """Return the entries of all operators of the framework."""
    kernels = (_entries(kernel) for kernel in ("flash", "efficient"))
    return tuple(composite.operator for entries in kernels for composite in entries)
