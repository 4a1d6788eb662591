"""Turns errors of facets on malformed calls into "not known, because ..."."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from msgspec.structs import replace

from archlint.ops.call import Call
from archlint.ops.effect import Effect, read_slots
from archlint.ops.operator import Operator, SignalFacet
from archlint.ops.storage import Storage
from archlint.ops.undetermined import Undetermined

_Others = ParamSpec("_Others")
_Answer = TypeVar("_Answer")

_MISFITS = (ArithmeticError, LookupError, ValueError)
"""The exceptions of formulas for inconsistent ranks, sizes and attributes."""


def guarded(entry: Operator) -> Operator:
    """Return the operator with facets that raise `Undetermined` for an invalid call.

    Facets can then be written like formulas, without checks such as that a matrix has two axes.
    """
    return replace(
        entry,
        cost=_guarded(entry.cost),
        saved=_guarded(entry.saved),
        links=_guarded(entry.links),
        signal=None if entry.signal is None else _guarded(_of_whole_calls(entry.signal)),
        storage=_guarded_storage(entry.storage),
        misfit=None if entry.misfit is None else _guarded(entry.misfit),
        casting=_guarded(entry.casting),
    )


def _guarded_storage(storage: Storage) -> Storage:
    view, gradient_view = storage.view, storage.gradient_view
    return replace(
        storage,
        view=None if view is None else _guarded(view),
        gradient_view=None if gradient_view is None else _guarded(gradient_view),
    )


def _of_whole_calls(facet: SignalFacet) -> SignalFacet:
    """Return the facet with a check that all inputs that the effect refers to are present."""

    @wraps(facet)
    def answer(call: Call) -> Effect:
        effect = facet(call)
        for slot in read_slots(effect):
            if not call.has_input(slot):
                raise Undetermined(f"input {slot} is missing")
        return effect

    return answer


def _guarded(
    facet: Callable[Concatenate[Call, _Others], _Answer],
) -> Callable[Concatenate[Call, _Others], _Answer]:
    @wraps(facet)
    def answer(call: Call, /, *args: _Others.args, **kwargs: _Others.kwargs) -> _Answer:
        try:
            return facet(call, *args, **kwargs)
        except _MISFITS as error:
            raise Undetermined("its inputs and attributes do not match") from error

    return answer
