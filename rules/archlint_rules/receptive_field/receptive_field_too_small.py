"""RF001: an output sees less of the input than the target requires."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.api import Extent, Finding, Model, Rule, Severity
from archlint_rules.receptive_field.widening import widenings
from archlint_rules.receptive_field.words import as_time, listed
from archlint_rules.receptive_field.words import axes as in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = MappingProxyType({4: ("height", "width"), 5: ("depth", "height", "width")})


class ReceptiveFieldTooSmall(Rule):
    """An output sees less of the input than the target requires."""

    code = "RF001"
    name = "receptive-field-too-small"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("receptive-field",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the field of each feature map and output with its requirement."""
        require = model.target.require
        if not require.receptive_field:
            return
        fields = model.facts.receptive_fields
        named = [need.output for need in require.receptive_field if need.output is not None]
        for tensor in dict.fromkeys([*fields.maps, *named]):
            if tensor not in model.graph.values:
                yield self._missing(tensor)
                continue
            alike: dict[_Shortfall, list[tuple[int, Extent]]] = {}
            for extent in fields.extents:
                field = fields.of(tensor, extent)
                axis = extent.axis if field.axis is None else field.axis
                required = require.receptive_field_of(tensor, axis)
                if required is not None and not field.is_independent:
                    for found in _judge(model, tensor, extent, required):
                        alike.setdefault(found, []).append((axis, extent))
            for found, axes in alike.items():
                yield self._short(model, tensor, found, axes)

    def _short(
        self, model: Model, tensor: str, found: _Shortfall, axes: list[tuple[int, Extent]]
    ) -> Finding:
        """Report the same shortfall along several axes as one finding."""
        rate, required = model.target.require.sample_rate, found.required
        axis, extent = axes[0]
        data: dict[str, object] = {
            "size": found.size,
            "required": required,
            "axis": axis,
            "axes": [each for each, _ in axes],
            "input": extent.input,
            "input_axis": extent.axis,
            "input_axes": [each.axis for _, each in axes],
        }
        if found.size is None:
            says = f"not known, required {required}: {found.reason}"
            data["reason"] = found.reason
        else:
            is_required = f"required {required}{as_time(required, rate)}"
            says = f"{found.size}{as_time(found.size, rate)}, {is_required}"
            if rate is not None:
                data |= {"seconds": found.size / rate, "required_seconds": required / rate}
        shape = model.graph.values[tensor].shape or ()
        along = _along([each for each, _ in axes], len(shape))
        return self.finding(
            f"receptive field of {tensor} along {along} is {says}",
            node=model.graph.producers.get(tensor),
            tensor=tensor,
            data=data,
            help=found.help,
        )

    def _missing(self, tensor: str) -> Finding:
        return self.finding(
            f"a receptive field is required of {tensor}, which is not a tensor of this model",
            data={"tensor": tensor},
            help="name an output or a feature map of the model",
            severity=Severity.WARNING,
        )


class _Shortfall(Struct, frozen=True):
    """A field that is too small; `size` is None where it is not known, and `reason` says why.

    Axes with the same result are reported together.
    """

    input: str
    size: int | None
    required: int
    help: str
    reason: str = ""


def _judge(model: Model, tensor: str, extent: Extent, required: int) -> Iterator[_Shortfall]:
    """Yield what is wrong with the field of `tensor` along one axis of an input, if anything."""
    field = model.facts.receptive_fields.of(tensor, extent)
    if field.unknown is not None:
        remedy = "require a field only of tensors before this operator, or leave it out there"
        yield _Shortfall(extent.input, None, required, remedy, field.unknown)
    elif field.is_local and field.size[0] < required:
        size = field.size[0]
        remedy = _help(model, tensor, extent, required, size)
        yield _Shortfall(extent.input, size, required, remedy)


def _along(axes: list[int], rank: int) -> str:
    """Return axes in words; those of a feature map, behind batch and channels, have names."""
    named = _NAMES.get(rank, ())
    is_map = axes == list(range(2, rank)) and len(named) == len(axes)
    return f"{listed(named)} ({in_words(axes)})" if is_map else in_words(axes)


def _help(model: Model, tensor: str, extent: Extent, required: int, size: int) -> str:
    if extent.length is not None and required > extent.length:
        return (
            f"no output sees {required} of an input of {extent.length}: require less, or give more"
        )
    changes = widenings(model, tensor, extent, required - size)
    return ", or ".join(changes) or (
        f"let layers before {tensor} read neighbours along this axis, as convolutions do"
    )
