"""Contributed operators that equal a standard one except for element types or layout."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from archlint.graph.value import Shape

MICROSOFT = "com.microsoft"
BLOCKED = "com.microsoft.nchwc"
CHANNELS_LAST = "com.ms.internal.nhwc"


class Channels(enum.Enum):
    """The position of the channel axis in an operator's data."""

    FIRST = "first"
    LAST = "last"
    AS_SAID = "as said"  # by the attribute channels_last


class StandIn(Struct, frozen=True):
    """The standard operator that a contributed one is equivalent to.

    `op` is its name, `slots` are the contributed operator's inputs in the order of the standard
    one's (None: the same ones). The output has the element type of the first present input in
    `typed_by`; without it, that of the standard operator. `added` is the slot of a tensor that is
    added to the output. Names in `dropped` are attributes that the standard operator does not have.
    """

    op: str
    slots: tuple[int, ...] | slice | None = None
    channels: Channels = Channels.FIRST
    typed_by: tuple[int, ...] = ()
    added: int | None = None
    dropped: frozenset[str] = frozenset({"activation", "activation_params", "channels_last"})

    @property
    def takes_floats(self) -> bool:
        """Whether the standard operator takes floats where the contributed one takes integers."""
        return bool(self.typed_by) and not self.op.startswith("QLinear")

    def picked(self, count: int) -> tuple[int, ...]:
        """Return the slots of the standard operator's inputs, given `count` inputs."""
        if self.slots is None:
            return tuple(slot for slot in range(count) if slot != self.added)
        if isinstance(self.slots, slice):
            return tuple(range(count))[self.slots]
        return self.slots

    def is_channels_last(self, said: object) -> bool:
        """Whether the channels are the last axis; `said` is the attribute channels_last."""
        if self.channels is Channels.AS_SAID:
            return bool(said)
        return self.channels is Channels.LAST


def channels_first(shape: Shape) -> Shape:
    """Return (N, C, ...) for (N, ..., C)."""
    return shape if len(shape) < 3 else (shape[0], shape[-1], *shape[1:-1])


def channels_last(shape: Shape) -> Shape:
    """Return (N, ..., C) for (N, C, ...)."""
    return shape if len(shape) < 3 else (shape[0], *shape[2:], shape[1])


def _same_names(
    names: Sequence[str], domain: str, channels: Channels
) -> dict[tuple[str, str], StandIn]:
    return {(domain, name): StandIn(name, channels=channels) for name in names}


_ACTIVATED = frozenset(
    {"activation", "activation_alpha", "activation_beta", "activation_gamma", "dtype"}
)

STAND_INS: Mapping[tuple[str, str], StandIn] = MappingProxyType(
    {
        (MICROSOFT, "FusedConv"): StandIn("Conv", added=3),
        (MICROSOFT, "NhwcFusedConv"): StandIn("Conv", channels=Channels.LAST, added=3),
        (MICROSOFT, "NhwcConv"): StandIn("Conv", channels=Channels.LAST),
        (MICROSOFT, "NhwcMaxPool"): StandIn("MaxPool", channels=Channels.LAST),
        (MICROSOFT, "QLinearConv"): StandIn("QLinearConv", None, Channels.AS_SAID, typed_by=(7,)),
        (MICROSOFT, "QLinearAveragePool"): StandIn("AveragePool", (0,), Channels.AS_SAID, (0,)),
        (MICROSOFT, "QLinearGlobalAveragePool"): StandIn(
            "GlobalAveragePool", (0,), Channels.AS_SAID, (0,)
        ),
        (MICROSOFT, "FusedGemm"): StandIn("Gemm", dropped=_ACTIVATED),
        (MICROSOFT, "QGemm"): StandIn("Gemm", (0, 3, 6), typed_by=(8, 1)),
        (MICROSOFT, "GemmFloat8"): StandIn("Gemm", (0, 1, 2), dropped=_ACTIVATED),
        (MICROSOFT, "QLinearAdd"): StandIn("Add", (0, 3), typed_by=(0,)),
        (MICROSOFT, "QLinearMul"): StandIn("Mul", (0, 3), typed_by=(0,)),
        (MICROSOFT, "QLinearWhere"): StandIn("Where", (0, 1, 4), typed_by=(1,)),
        (MICROSOFT, "QLinearConcat"): StandIn("Concat", slice(2, None, 3), typed_by=(2,)),
        (MICROSOFT, "QLinearSigmoid"): StandIn("Sigmoid", (0,), typed_by=(0,)),
        (MICROSOFT, "QLinearLeakyRelu"): StandIn("LeakyRelu", (0,), typed_by=(0,)),
        (MICROSOFT, "Trilu"): StandIn("Trilu"),
        (MICROSOFT, "GatherND"): StandIn("GatherND"),
        (MICROSOFT, "GridSample"): StandIn("GridSample"),
        (MICROSOFT, "Pad"): StandIn("Pad"),
        (MICROSOFT, "Range"): StandIn("Range"),
        (MICROSOFT, "TorchEmbedding"): StandIn("Gather", (0, 1)),
        (MICROSOFT, "MaxpoolWithMask"): StandIn("MaxPool", (0,)),
        (BLOCKED, "Conv"): StandIn("Conv", added=3),
        **_same_names(
            ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"),
            BLOCKED,
            Channels.FIRST,
        ),
        **_same_names(
            (
                "AveragePool",
                "BatchNormalization",
                "Conv",
                "ConvTranspose",
                "DepthToSpace",
                "GlobalAveragePool",
                "GlobalLpPool",
                "GlobalMaxPool",
                "GridSample",
                "InstanceNormalization",
                "LRN",
                "LpPool",
                "MaxPool",
                "MaxUnpool",
                "QLinearConv",
                "SpaceToDepth",
            ),
            CHANNELS_LAST,
            Channels.LAST,
        ),
        (CHANNELS_LAST, "QLinearAveragePool"): StandIn("AveragePool", (0,), Channels.LAST, (0,)),
        (CHANNELS_LAST, "Resize"): StandIn("Resize"),  # its scales are in the order of the data
    }
)
"""The stand-ins by domain and name, as onnxruntime documents its contributed operators."""
