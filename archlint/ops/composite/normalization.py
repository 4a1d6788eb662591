"""Layer, group and RMS norm, which exporters decompose or write as instance norm."""

from __future__ import annotations

from archlint.graph.dtype import DType
from archlint.graph.program.calls import ExportedCall
from archlint.ops.autocast import FIRST_OR_SINGLE, KEEPS_FIRST, SINGLE_ON_GPU, Casting, Lists
from archlint.ops.call import Call, nbytes
from archlint.ops.composite import normalization_forms as written
from archlint.ops.composite.composite import NONE, Attributes, Composite, framework_operator
from archlint.ops.effect import Effect, Normalizes, Over
from archlint.ops.kept import NOTHING, Gradients, Kept
from archlint.ops.operator import Layout
from archlint.ops.signals import normalizes
from archlint.ops.standard.normalization import (
    keeps_batch_statistics,
    keeps_group_statistics,
    keeps_normalized,
    keeps_row_statistics,
)
from archlint.ops.undetermined import Undetermined


def keeps_differences(call: Call, gradients: Gradients) -> Kept:
    """Keep (x - mean) for the square and for the quotient, and the deviation.

    By hand the difference is written once or twice, and exporters merge what is computed twice.
    """
    if not gradients[0]:
        return NOTHING
    size = nbytes(call.output())
    normalized = call.integer("normalized", 1)
    deviation = size // max(normalized, 1)
    return Kept(
        own=size + deviation,
        own_high=2 * size + deviation,
        depends_on="whether the mean is subtracted once or twice",
        transient=3 * size,
    )


def casts_differences(call: Call, lists: Lists) -> Casting:
    """The square is taken in fp32 on a GPU, which for a tensor in half precision is another one."""
    is_half = call.input(0).dtype is not DType.FLOAT32
    if lists is Lists.CUDA and is_half:
        raise Undetermined("a normalization written by hand is half in one format, half in another")
    return Casting.FIRST


def keeps_norms(call: Call, gradients: Gradients) -> Kept:
    """Keep the norm of each row of the weight's direction."""
    return Kept(own=nbytes(call.input(1))) if gradients.needed else NOTHING


def keeps_root(call: Call, gradients: Gradients) -> Kept:
    """Keep the result of 1 / sqrt(x): the derivative is -0.5 dy y^3."""
    if not gradients[0]:
        return NOTHING
    return Kept(outputs=(0,), transient=2 * nbytes(call.output()))


def standardizes(call: Call) -> Effect:
    """Over the batch, over the places of a channel, or over the channels."""
    axes = {axis % call.rank(0) for axis in call.integers("axes") or ()}
    if 0 in axes:
        return Normalizes(Over.BATCH)
    return Normalizes(Over.FEATURES if 1 in axes else Over.PLANE)


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        Composite(
            framework_operator(
                "LayerNorm",
                keeps_row_statistics,
                signal=normalizes(Over.FEATURES),
                weights=(1, 2),
                casting=FIRST_OR_SINGLE,
            ),
            written.layer_norm(),
            ("aten.layer_norm.default",),
            (0, 2, 3),
            _reads_axes,
        ),
        Composite(
            framework_operator(
                "GroupNorm",
                keeps_group_statistics,
                signal=normalizes(Over.FEATURES),
                weights=(1, 2),
                layout=Layout.CHANNELS,
                casting=FIRST_OR_SINGLE,
            ),
            written.group_norm(),
            ("aten.group_norm.default",),
            (0, 2, 3),
            _reads_groups,
        ),
        Composite(
            framework_operator(
                "Standardize",
                keeps_differences,
                signal=standardizes,
                layout=Layout.FOLLOWS,
                casting=casts_differences,
            ),
            written.standardization(),
        ),
        Composite(  # a batch norm without running statistics
            framework_operator(
                "BatchNorm", keeps_batch_statistics, weights=(1, 2), casting=KEEPS_FIRST
            ),
            targets=("aten._native_batch_norm_legit.no_stats",),
            arguments=(0, 1, 2),
        ),
        Composite(
            framework_operator("WeightNorm", keeps_norms, weights=(0, 1)), written.weight_norm()
        ),
        Composite(
            framework_operator(
                "RmsNorm",
                keeps_normalized,
                signal=normalizes(Over.FEATURES, centred=False),
                weights=(1,),
                casting=FIRST_OR_SINGLE,
            ),
            written.rms_norm(),
            ("aten.rms_norm.default",),
            (0, 2),
            _reads_axes,
        ),
        Composite(
            framework_operator("Rsqrt", keeps_root, layout=Layout.FOLLOWS, casting=SINGLE_ON_GPU),
            written.inverse_root(),
            ("aten.rsqrt.default",),
        ),
    )


def _reads_axes(call: ExportedCall) -> Attributes:
    return {"axis": -len([part for part in call.argument(1).strip("[]").split(",") if part])}


def _reads_groups(call: ExportedCall) -> Attributes:
    groups = call.integer(1, 1)
    return NONE if groups is None else {"num_groups": groups}
