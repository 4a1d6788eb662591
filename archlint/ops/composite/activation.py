"""Activations that exporters decompose: GELU, SiLU, Mish, hard swish, GLU and others."""

from __future__ import annotations

from math import pi, sqrt

from archlint.graph.graph import Graph
from archlint.graph.program.call_record import is_exported
from archlint.graph.program.modules import module_path
from archlint.ops.autocast import KEEPS, SINGLE_ON_GPU
from archlint.ops.call import Call, nbytes
from archlint.ops.composite.composite import (
    NONE,
    PERHAPS_WRITTEN,
    Accepts,
    Attributes,
    Composite,
    Form,
    framework_operator,
    if_called,
)
from archlint.ops.composite.pattern import Matching, Number, Pattern, Tensor, either, made
from archlint.ops.facets import saves_input
from archlint.ops.nonlinearity import (
    FunctionOf,
    activates,
    gelu,
    hard_swish,
    mish,
    quick_gelu,
    swish,
)
from archlint.ops.operator import SavedFacet
from archlint.ops.overwriting import saves_input_or_output
from archlint.ops.saved import Gradients, SavedTensors
from archlint.ops.storage import LIKE_INPUTS

X = Tensor("x")

_HAS_HARD_SWISH = 14  # the version of the operators


def saves_input_and_buffer(call: Call, gradients: Gradients) -> SavedTensors:
    """Save the input and, on the CPU, a tensor of its size that the forward pass made."""
    buffer = 0 if gradients.on_gpu else nbytes(call.output())
    if not gradients[0]:
        return SavedTensors(forward_transient=buffer)
    return SavedTensors(inputs=(0,), own=buffer)


def composites() -> tuple[Composite, ...]:
    """Return the composites of this family."""
    return (
        _pointwise(
            "Gelu",
            "gelu",
            # x * (1 + erf(x / sqrt 2)) * 0.5, in the order of the TorchScript exporter
            _times(_times(X, _plus(made("Erf", _over(X, sqrt(2))), 1)), Number(0.5)),
            # the same with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for erf
            _times(_times(X, _plus(made("Tanh", _inner(_cube(X))), 1)), Number(0.5)),
            by_hand=(
                _times(_times(X, _RISE), Number(0.5)),
                _times(_times(Number(0.5), X), _RISE),
                _times(X, _times(Number(0.5), _RISE)),
            ),
            function=gelu,
        ),
        _pointwise(
            "QuickGelu",
            "quick_gelu",
            by_hand=(_times(X, made("Sigmoid", _times(X, Number(1.702)))),),
            function=quick_gelu,
        ),
        _pointwise("Silu", "silu", _times(X, made("Sigmoid", X, label="by")), function=swish),
        _pointwise(
            "Mish", "mish", _times(X, made("Tanh", made("Softplus", X), label="by")), function=mish
        ),
        _pointwise(
            "Hardswish",
            "hardswish",
            _times(X, made("HardSigmoid", X, label="by")),
            _over(_times(X, _CLIPPED), 6),
            by_hand=(
                _times(X, either(_over(_CLIPPED, 6), _times(_CLIPPED, Number(1 / 6)))),
                _times(_times(X, _CLIPPED), Number(1 / 6)),
            ),
            accepts=_is_called_hard_swish,
            function=hard_swish,
        ),
        Composite(
            framework_operator("Threshold", saves_input, storage=LIKE_INPUTS),
            (
                Form(  # of F.threshold, where the program does not compare and choose by itself
                    made("Where", made("LessOrEqual", X, Number()), Number(), X),
                    attributes=if_called("threshold"),
                    spans_calls=True,
                ),
            ),
        ),
        _pointwise(
            "LogSigmoid",
            "log_sigmoid",
            made("Log", made("Sigmoid", X), label="by"),
            saved=saves_input_and_buffer,
        ),
        *(_pointwise(name.capitalize(), name) for name in ("softplus", "hardtanh")),
        *(
            _pointwise(name.capitalize(), name, saved=saves_input_or_output())
            for name in ("elu", "selu", "celu")
        ),
        Composite(
            framework_operator("Glu", saves_input),
            (Form(_times(_half(0), made("Sigmoid", _half(1)))),),
            ("aten.glu.default",),
        ),
    )


def _pointwise(  # noqa: PLR0913 - a keyword a facet
    name: str,
    target: str,
    *patterns: Pattern,
    by_hand: tuple[Pattern, ...] = (),
    saved: SavedFacet = saves_input,
    accepts: Accepts | None = None,
    function: FunctionOf | None = None,
) -> Composite:
    """Return a function of each element; `function` is given where no attribute shapes it."""
    signal = None if function is None else activates(function)
    casting = SINGLE_ON_GPU if name == "Softplus" else KEEPS
    return Composite(
        framework_operator(name, saved, signal=signal, storage=LIKE_INPUTS, casting=casting),
        (
            *(Form(pattern, attributes=accepts or _is_called) for pattern in patterns),
            *(Form(pattern, by_hand=True) for pattern in (*by_hand, *patterns)),
        ),
        (f"aten.{target}.default", f"aten.{target}_.default"),
    )


def _is_called(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept what an exporter writes for a call of the function.

    Of x * f(x), the factor f(x) has the label `by`. The TorchScript exporter writes a call in that
    order only. In the midst of a module, the program may as well have written it so: nothing in the
    file tells, and the match is `PERHAPS_WRITTEN`. A module that does nothing else is taken for the
    framework's.
    """
    factor, root = matching.tensors.get("by"), matching.nodes[0]
    if factor is None or not graph.is_from_pytorch or is_exported(root):
        return NONE
    if root.inputs[0] == factor:
        return None
    return {PERHAPS_WRITTEN: 1} if _shares_module(matching, graph) else NONE


def _shares_module(matching: Matching, graph: Graph) -> bool:
    """Whether operators around a match belong to its module, or to modules inside of that."""
    steps, own = matching.nodes, module_path(matching.nodes[0])
    users = (user for node in steps for user in graph.consumers.get(node.output, ()))
    around = (graph.producers.get(matching.tensors["x"]), *users)
    others = (node for node in around if node is not None and node not in steps)
    return any(module_path(node)[: len(own)] == own for node in others)


def _is_called_hard_swish(matching: Matching, graph: Graph) -> Attributes | None:
    """Accept it as above, but not where exporters would have written a call as one operator."""
    has_operator = graph.is_from_pytorch and graph.opset >= _HAS_HARD_SWISH
    return None if has_operator else _is_called(matching, graph)


def _times(left: Pattern, right: Pattern) -> Pattern:
    return made("Mul", left, right)


def _plus(left: Pattern, number: float) -> Pattern:
    return made("Add", left, Number(number))


def _over(left: Pattern, number: float) -> Pattern:
    return made("Div", left, Number(number))


def _cube(x: Pattern) -> Pattern:
    return _times(x, _times(x, x))


def _inner(cube: Pattern) -> Pattern:
    """Return sqrt(2 / pi) (x + 0.044715 x^3)."""
    return _times(Number(sqrt(2 / pi)), made("Add", X, _times(Number(0.044715), cube)))


def _half(place: int) -> Pattern:
    return made("Split", X, output=place)


_CUBED = either(_cube(X), made("Pow", X, Number(3)))
_FAST = _times(_times(X, Number(sqrt(2 / pi))), _plus(_times(Number(0.044715), _times(X, X)), 1))
# 1 + erf(x / sqrt 2) or 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)), as people write them
_RISE = _plus(
    either(
        made("Erf", either(_over(X, sqrt(2)), _times(X, Number(1 / sqrt(2))))),
        made("Tanh", either(_inner(_CUBED), _FAST)),
    ),
    1,
)
_CLIPPED = made("Clip", _plus(X, 3), Number(0), Number(6))
