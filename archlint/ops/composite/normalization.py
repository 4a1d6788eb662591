"""Layer, group and RMS norm, which exporters decompose or write as instance norm."""

from __future__ import annotations

from collections.abc import Sequence

from archlint.graph.dtype import DType
from archlint.graph.program.calls import ExportedCall
from archlint.graph.value import Shape
from archlint.ops.autocast import FIRST_OR_SINGLE, KEEPS_FIRST, SINGLE_ON_GPU, Casting, Lists
from archlint.ops.call import Call, nbytes
from archlint.ops.composite import normalization_forms as written
from archlint.ops.composite.composite import NONE, Attributes, Composite, framework_operator
from archlint.ops.effect import Effect, Normalizes, Over
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import normalizes
from archlint.ops.standard.normalization import (
    saves_batch_statistics,
    saves_group_statistics,
    saves_normalized,
    saves_row_statistics,
)
from archlint.ops.storage import CHANNELS_LAST, LIKE_INPUTS
from archlint.ops.undetermined import Undetermined


def saves_differences(call: Call, gradients: Gradients) -> SavedTensors:
    """Save (x - mean) for the square and for the quotient, and the deviation.

    By hand the difference is written once or twice, and exporters merge what is computed twice.
    """
    if not gradients[0]:
        return NOTHING
    size = nbytes(call.output())
    normalized = call.integer("normalized", 1)
    deviation = size // max(normalized, 1)
    return SavedTensors(
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


def saves_norms(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the norm of each row of the weight's direction."""
    return SavedTensors(own=nbytes(call.input(1))) if gradients.needed else NOTHING


def saves_root(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the result of 1 / sqrt(x): the derivative is -0.5 dy y^3."""
    if not gradients[0]:
        return NOTHING
    return SavedTensors(outputs=(0,), transient=2 * nbytes(call.output()))


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
                saves_row_statistics,
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
                saves_group_statistics,
                signal=normalizes(Over.FEATURES),
                weights=(1, 2),
                storage=CHANNELS_LAST,
                casting=FIRST_OR_SINGLE,
            ),
            written.group_norm(),
            ("aten.group_norm.default",),
            (0, 2, 3),
            _reads_groups,
            _like_result,
        ),
        Composite(
            framework_operator(
                "Standardize",
                saves_differences,
                signal=standardizes,
                storage=LIKE_INPUTS,
                casting=casts_differences,
            ),
            written.standardization(),
        ),
        Composite(  # a batch norm without running statistics
            framework_operator(
                "BatchNorm", saves_batch_statistics, weights=(1, 2), casting=KEEPS_FIRST
            ),
            targets=("aten._native_batch_norm_legit.no_stats",),
            arguments=(0, 1, 2),
        ),
        Composite(
            framework_operator("WeightNorm", saves_norms, weights=(0, 1)), written.weight_norm()
        ),
        Composite(
            framework_operator(
                "RmsNorm",
                saves_normalized,
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
            framework_operator("Rsqrt", saves_root, storage=LIKE_INPUTS, casting=SINGLE_ON_GPU),
            written.inverse_root(),
            ("aten.rsqrt.default",),
        ),
    )


def _reads_axes(call: ExportedCall) -> Attributes:
    return {"axis": -len([part for part in call.argument(1).strip("[]").split(",") if part])}


def _reads_groups(call: ExportedCall) -> Attributes:
    groups = call.integer(1, 1)
    return NONE if groups is None else {"num_groups": groups}


def _like_result(slot: int, shapes: Sequence[Shape | None]) -> Shape | None:
    """Return the shape of what is normalized: that of the result."""
    return None if slot else shapes[-1]
