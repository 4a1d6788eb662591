"""DEPLOY006: weights in floating point, on a device that computes with integers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archlint.api import Device, Layer

_INTEGER = "int8"


class FloatOnIntegerDevice(Rule):
    """The device computes with 8-bit integers alone, and the network is in floating point."""

    code = "DEPLOY006"
    name = "float-on-integer-device"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("deployment", "precision")

    def check(self, model: Model) -> Iterator[Finding]:
        """Compare the number format of the target and of the weights with that of the device."""
        device, stated = model.target.device, model.target.deploy_dtype
        if device is None or not device.has_only_int8:
            return
        if stated is not None and stated != _INTEGER:
            yield self._contradicts(device, stated)
            return
        if model.ir_version is None:  # an architecture file says nothing of what is deployed
            return
        layers = [layer for part in model.parts for layer in part.facts.initialization.layers]
        left = [layer for layer in layers if _is_float(layer)]
        if left:
            yield self._floats(device, left, len(layers))

    def _contradicts(self, device: Device, stated: str) -> Finding:
        return self.finding(
            f"deploy-dtype is {stated}, and {device.name} computes with {_INTEGER} alone",
            data={"device": device.name, "deploy_dtype": stated},
            help=f"leave deploy-dtype out or state {_INTEGER}, or choose another device",
            severity=Severity.ERROR,
        )

    def _floats(self, device: Device, left: Sequence[Layer], count: int) -> Finding:
        first = left[0]
        some = len(left) < count
        told = f"{len(left):,} of {count:,} layers are" if some else "the network is"
        return self.finding(
            f"{told} in floating point, and {device.name} computes with {_INTEGER} alone: its "
            "compiler refuses such a layer, or leaves it to the processor beside it; figures here "
            f"are those of {_INTEGER}",
            node=first.node,
            tensor=first.weight,
            data={"device": device.name, "float_layers": len(left), "layers": count},
            help="quantize the network before it is compiled, with samples of its inputs, and "
            "compare its accuracy",
        )


def _is_float(layer: Layer) -> bool:
    dtype = layer.flow.graph.values[layer.weight].dtype
    return dtype is not None and dtype.is_float
