"""RF001: an output sees less of the input than the target requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity
from archlint_rules.receptive_field.widening import widenings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Extent


class ReceptiveFieldTooSmall(Rule):
    """An output sees less of the input than the target requires."""

    code = "RF001"
    name = "receptive-field-too-small"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("receptive-field",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the field of each feature map and output with what is required of it."""
        require = model.target.require
        if not require.receptive_field:
            return
        fields = model.facts.receptive_fields
        named = [need.output for need in require.receptive_field if need.output is not None]
        for tensor in dict.fromkeys([*fields.maps, *named]):
            if tensor not in model.graph.values:
                yield self._missing(tensor)
                continue
            for extent in fields.extents:
                field = fields.of(tensor, extent)
                axis = extent.axis if field.axis is None else field.axis
                required = require.receptive_field_of(tensor, axis)
                if required is not None and not field.is_independent:
                    yield from self._judge(model, tensor, axis, extent, required)

    def _judge(
        self, model: Model, tensor: str, axis: int, extent: Extent, required: int
    ) -> Iterator[Finding]:
        field = model.facts.receptive_fields.of(tensor, extent)
        if field.unknown is not None:
            yield self._undecided(model, tensor, axis, required, field.unknown)
        elif field.is_local and field.size[0] < required:
            yield self._too_small(model, tensor, axis, extent, required)

    def _too_small(
        self, model: Model, tensor: str, axis: int, extent: Extent, required: int
    ) -> Finding:
        field = model.facts.receptive_fields.of(tensor, extent)
        size = field.size[0]
        data: dict[str, object] = {
            "size": size,
            "required": required,
            "axis": axis,
            "input": extent.input,
            "input_axis": extent.axis,
        }
        rate = model.target.require.sample_rate
        if rate is not None:
            data |= {"seconds": size / rate, "required_seconds": required / rate}
        return self.finding(
            f"receptive field of {tensor} along axis {axis} is {size}"
            f"{_as_time(size, rate)}, required {required}{_as_time(required, rate)}",
            node=model.graph.producers.get(tensor),
            tensor=tensor,
            data=data,
            help=_help(model, tensor, extent, required, size),
        )

    def _undecided(
        self, model: Model, tensor: str, axis: int, required: int, reason: str
    ) -> Finding:
        return self.finding(
            f"receptive field of {tensor} along axis {axis} is not known, required {required}: "
            f"{reason}",
            node=model.graph.producers.get(tensor),
            tensor=tensor,
            data={"size": None, "required": required, "axis": axis, "reason": reason},
            help="require a field only of tensors before this operator, or leave it out there",
        )

    def _missing(self, tensor: str) -> Finding:
        return self.finding(
            f"a receptive field is required of {tensor}, which is no tensor of this model",
            data={"tensor": tensor},
            help="name an output or a feature map of the model",
            severity=Severity.WARNING,
        )


def _help(model: Model, tensor: str, extent: Extent, required: int, size: int) -> str:
    if extent.length is not None and required > extent.length:
        return (
            f"no output sees {required} of an input of {extent.length}: require less, or give more"
        )
    changes = widenings(model, tensor, extent, required - size)
    return ", or ".join(changes) or "add layers with a kernel larger than 1"


def _as_time(elements: int, rate: float | None) -> str:
    return "" if rate is None else f" ({1000 * elements / rate:.4g} ms)"
