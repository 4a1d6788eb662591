"""Loss operators."""

from __future__ import annotations

from archlint.graph.dtype import DType
from archlint.ops.autocast import IN_SINGLE
from archlint.ops.call import Call, nbytes
from archlint.ops.cost import Cost, elementwise
from archlint.ops.links import InputLinks, Link, Links, Through, Whole, same_axes
from archlint.ops.operator import Operator
from archlint.ops.saved import NOTHING, Gradients, SavedTensors
from archlint.ops.signals import measures_loss

_TOTAL_WEIGHT_BYTES = DType.FLOAT32.bits // 8  # the number that a mean is divided by


def likelihood_cost(call: Call) -> Cost:
    """Count a look-up and an addition for each target."""
    return elementwise(2 * call.elements(1))


def saves_likelihood(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the log-probabilities, the targets, the class weights and the total weight."""
    if not gradients.needed:
        return NOTHING
    return SavedTensors(inputs=call.present(range(3)), own=_TOTAL_WEIGHT_BYTES)


def cross_entropy_cost(call: Call) -> Cost:
    """Count a log-softmax of the scores, and the look-up of each target."""
    return elementwise(7 * call.elements(0) + 2 * call.elements(1))


def saves_cross_entropy(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the log-softmax, which the look-up shares, the targets and the class weights."""
    if not gradients.needed:
        return NOTHING
    inputs, wide = call.present((1, 2)), nbytes(call.input(0))
    # The gradient of the log-probabilities is computed first; then the targets are freed.
    made = wide - nbytes(call.input(1))
    if call.has_output(1):
        return SavedTensors(inputs=inputs, outputs=(1,), own=_TOTAL_WEIGHT_BYTES, transient=made)
    return SavedTensors(inputs=inputs, own=_TOTAL_WEIGHT_BYTES + wide, transient=made)


def sees_targets(call: Call, output: int) -> InputLinks:
    """Each sample and position has its own loss, unless they are summed."""
    rank = call.rank(0)
    if output == 1:  # the log-probabilities
        return {0: tuple(_class_link(axis, 0) for axis in range(rank))}
    if call.text("reduction", "mean") != "none":
        everything: dict[int, Links] = {
            0: tuple(Whole(axis) for axis in range(rank)),
            1: tuple(Whole(axis) for axis in range(rank - 1)),
        }
        return everything
    scores = tuple(_class_link(axis, 1) for axis in range(rank))
    return {0: scores, 1: same_axes(rank - 1)}


def _class_link(axis: int, dropped: int) -> Link:
    """Return the link of an axis of (N, C, ...); the classes are read together."""
    if axis == 1:
        return Whole(1)
    return Through(axis, axis - (dropped if axis > 1 else 0))


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family; the weights of classes are no parameters."""
    return (
        Operator(
            "NegativeLogLikelihoodLoss",
            likelihood_cost,
            saves_likelihood,
            sees_targets,
            measures_loss(takes_softmax=False),
            buffers=(2,),
            casting=IN_SINGLE,
        ),
        Operator(
            "SoftmaxCrossEntropyLoss",
            cross_entropy_cost,
            saves_cross_entropy,
            sees_targets,
            measures_loss(),
            buffers=(2,),
            casting=IN_SINGLE,
        ),
    )
