"""DEPLOY002: shapes that are not fixed, on a device that needs them to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archlint.api import Node


class DynamicShape(Rule):
    """A size is not fixed, and the device runs only networks whose sizes all are."""

    code = "DEPLOY002"
    name = "dynamic-shape"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("deployment",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report open dimensions of the inputs, and shapes that depend on the data."""
        device, partition = model.target.device, model.facts.partition
        if device is not None and device.needs_fixed_shapes:
            yield from self._needs(model, device.name, Severity.ERROR)
        elif partition is not None and partition.runtime.fixed_sizes:
            yield from self._needs(model, partition.runtime.title, Severity.WARNING)

    def _needs(self, model: Model, device: str, severity: Severity) -> Iterator[Finding]:
        if model.open_dims:
            yield self._open(model, device, severity)
        elif model.facts.data_dependent_shapes:
            yield self._depends(model.facts.data_dependent_shapes, device, severity)

    def _open(self, model: Model, device: str, severity: Severity) -> Finding:
        dims = model.open_dims
        names = list(dict.fromkeys(name for dim in dims for name in dim.names))
        inputs = list(dict.fromkeys(name for dim in dims for name, _ in dim.axes))
        are = "are" if len(names) > 1 else "is"
        return self.finding(
            f"{' and '.join(names)} {are} open in {' and '.join(inputs)}, and {device} needs "
            "fixed sizes",
            tensor=inputs[0],
            data={"dimensions": names, "inputs": inputs, "device": device},
            severity=severity,
            help="export with fixed sizes, or say which ones the compiler is given: "
            f"{' '.join(model.binding_flags())}",
        )

    def _depends(self, nodes: Sequence[Node], device: str, severity: Severity) -> Finding:
        first, others = nodes[0], len(nodes) - 1
        more = f", as does that of {others} more node{'s' * (others > 1)}" if others else ""
        return self.finding(
            f"the shape of what {first.op} {first.name} returns depends on the data{more}, and "
            f"{device} needs fixed sizes",
            node=first,
            data={"nodes": [node.name for node in nodes], "device": device},
            severity=severity,
            help="return a fixed number, such as the best scores with a count or a mask, or do "
            "this part outside of the network",
        )
