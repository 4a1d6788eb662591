"""A layer type of the language: its name, its arguments, and the function that builds it."""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from archlint.frontends.architecture.tensor import Tensor

REQUIRED = inspect.Parameter.empty


class Argument(Struct, frozen=True):
    """One argument of a layer; `default` is REQUIRED where it must be given."""

    name: str
    kind: Any
    default: Any


class Layer(Struct, frozen=True, dict=True):
    """A layer by the name that PyTorch gives it.

    `build(site, *inputs, **arguments)` adds its nodes and returns its output. The signature of
    `build` is the layer's definition: positional parameters are its inputs, keyword parameters its
    arguments, annotations their kinds.
    """

    name: str
    build: Callable[..., Tensor | tuple[Tensor, ...]]

    @cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.build).parameters.values())[1:]

    @cached_property
    def arguments(self) -> dict[str, Argument]:
        """The arguments by name, in PyTorch's order."""
        return {
            parameter.name: Argument(parameter.name, parameter.annotation, parameter.default)
            for parameter in self._parameters
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }

    @cached_property
    def inputs(self) -> tuple[int, int | None]:
        """The least and the largest number of inputs; None where there is no limit."""
        positional = [
            parameter
            for parameter in self._parameters
            if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]
        least = sum(parameter.default is REQUIRED for parameter in positional)
        if any(
            parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in self._parameters
        ):
            return max(least, 1), None
        return least, len(positional)

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        function = getattr(self.build, "func", self.build)
        return (inspect.getdoc(function) or "").partition("\n")[0]
