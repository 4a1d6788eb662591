"""Contributed operators that are a standard one on other inputs or with another layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from archlint.graph.inference.contributed.stand_in import STAND_INS, StandIn, channels_first
from archlint.graph.value import Shape, Value
from archlint.ops.call import Call
from archlint.ops.contributed.overlay import seen
from archlint.ops.cost import Cost, Product
from archlint.ops.effect import Effect
from archlint.ops.links import (
    Fixed,
    InputLinks,
    Link,
    Links,
    Opaque,
    Piece,
    Regroup,
    Stage,
    Through,
    Whole,
    same_axes,
)
from archlint.ops.operator import Operator
from archlint.ops.saved import Gradients, SavedTensors
from archlint.ops.undetermined import Undetermined


class Standing(Struct, frozen=True):
    """The facets of a contributed operator, asked of the standard one that stands in for it."""

    standard: Operator
    stand_in: StandIn

    def operator(self, domain: str, name: str) -> Operator:
        """Return the entry of the contributed operator."""
        standard, picked = self.standard, self.stand_in.picked(_MOST_INPUTS)
        quantized = bool(self.stand_in.typed_by)

        def own(slots: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(picked[slot] for slot in slots if slot < len(picked))

        return Operator(
            name,
            self.cost,
            self.saved,
            self.links,
            None if quantized else self.signal,
            weights=own(standard.weights),
            buffers=own(standard.buffers),
            differentiable=standard.differentiable and not quantized,
            undifferentiated=own(standard.undifferentiated),
            domain=domain,
        )

    def cost(self, call: Call) -> Cost:
        """The work of the standard operator, and that of what is fused to it."""
        picked = self._picked(call)
        cost = self.standard.cost(self._call(call))
        products = tuple(
            Product(each.macs, (_slots(each.operands[0], picked), _slots(each.operands[1], picked)))
            for each in cost.products
        )
        fused = int(_is_activated(call)) + int(self._is_added(call))
        return Cost(products, cost.elementwise + (fused * call.output_elements() if fused else 0))

    def saved(self, call: Call, gradients: Gradients) -> SavedTensors:
        """What the standard operator saves, and the output of a fused activation."""
        picked = self._picked(call)
        own = replace(
            gradients,
            inputs=tuple(gradients[slot] for slot in picked),
            strides=tuple(gradients.strides_of(slot) for slot in picked),
        )
        saved = self.standard.saved(self._call(call), own)
        activated = (0,) if _is_activated(call) and gradients.needed else ()
        return replace(
            saved,
            inputs=tuple(picked[slot] for slot in saved.inputs),
            outputs=tuple(dict.fromkeys((*saved.outputs, *activated))),
        )

    def signal(self, call: Call) -> Effect:
        """The effect of the standard operator, where nothing is fused to it."""
        if self.standard.signal is None or _is_activated(call) or self._is_added(call):
            raise Undetermined("an operator that is fused with others")
        return self.standard.signal(self._call(call))

    def links(self, call: Call, output: int) -> InputLinks:
        """The links of the standard operator, mapped to the slots and axes of this one."""
        picked = self._picked(call)
        standard = self.standard.links(self._call(call), output)
        if self._is_last(call):
            standard = {
                slot: _turned(links, call.input(picked[slot]), call.output(output), slot == 0)
                for slot, links in standard.items()
            }
        by_slot: dict[int, Links] = {picked[slot]: links for slot, links in standard.items()}
        if self.stand_in.added is not None and self._is_added(call):
            by_slot[self.stand_in.added] = same_axes(call.output_rank())
        return by_slot

    def _is_added(self, call: Call) -> bool:
        return self.stand_in.added is not None and call.has_input(self.stand_in.added)

    def _is_last(self, call: Call) -> bool:
        return self.stand_in.is_channels_last(call.integer("channels_last", 0))

    def _picked(self, call: Call) -> tuple[int, ...]:
        return self.stand_in.picked(len(call.node.inputs))

    def _call(self, call: Call) -> Call:
        """Return the call of the standard operator."""
        inputs = tuple(
            call.node.inputs[slot] if call.has_input(slot) else "" for slot in self._picked(call)
        )
        node = replace(call.node, op=self.stand_in.op, domain="", inputs=inputs)
        standard = Call(node, call.graph)
        if not self._is_last(call):
            return standard
        names = filter(None, [*inputs[:1], *node.outputs])
        return seen(standard, {name: _first(call.graph.values[name]) for name in names})


# Slots beyond this are those of operators with any number of inputs, none of which is a weight.
_MOST_INPUTS = 16


def _is_activated(call: Call) -> bool:
    return bool(call.text("activation", ""))


def _slots(operand: frozenset[int], picked: tuple[int, ...]) -> frozenset[int]:
    return frozenset(picked[slot] for slot in operand)


def _first(value: Value) -> Value:
    return value if value.shape is None else replace(value, shape=channels_first(value.shape))


def _turned(links: Links, source: Value, target: Value, is_data: bool) -> Links:
    """Return links between axes with the channels last."""
    if source.shape is None or target.shape is None:
        raise Undetermined(f"the rank of {source.name!r} is not known")
    inward = _axis(len(source.shape)) if is_data else _itself
    outward = _axis(len(target.shape))
    if any(isinstance(link, Stage) for link in links):
        return _staged(links, source.shape, target.shape)
    return tuple(_moved(link, inward, outward) for link in links if not isinstance(link, Stage))


def _staged(links: Links, before: Shape, after: Shape) -> Links:
    """Return stages between a stage that puts channels first and one that puts them last."""
    inward, outward = _axis(len(before)), _axis(len(after))
    start = tuple(Through(inward(axis), axis) for axis in range(len(before)))
    end = tuple(Through(axis, outward(axis)) for axis in range(len(after)))
    stages = [link for link in links if isinstance(link, Stage)]
    stages[-1] = replace(stages[-1], shape=channels_first(after))
    return (Stage(start, channels_first(before)), *stages, Stage(end, after))


def _itself(axis: int) -> int:
    return axis


def _axis(rank: int) -> Callable[[int], int]:
    """Return where each axis of a tensor with its channels first stands when they are last."""

    def move(axis: int) -> int:
        if axis == 0 or rank < 3:
            return axis
        return rank - 1 if axis == 1 else axis - 1

    return move


def _moved(link: Link, inward: Callable[[int], int], outward: Callable[[int], int]) -> Link:
    """Return a link between other axes."""
    match link:
        case Through(source, target):
            return replace(link, source=inward(source), target=outward(target))
        case Whole(source):
            causal, own = (
                None if axis is None else outward(axis) for axis in (link.causal, link.own)
            )
            return replace(link, source=inward(source), causal=causal, own=own)
        case Fixed(source) | Opaque(source):
            return replace(link, source=inward(source))
        case Piece(axis):
            return replace(link, axis=outward(axis))
        case Regroup(sources, _, targets):
            return replace(
                link,
                sources=tuple(inward(axis) for axis in sources),
                targets=tuple(outward(axis) for axis in targets),
            )


def operators(standard: Mapping[str, Operator]) -> tuple[Operator, ...]:
    """Return the entries of the contributed operators that one of `standard` stands in for."""
    return tuple(
        Standing(standard[stand_in.op], stand_in).operator(domain, name)
        for (domain, name), stand_in in STAND_INS.items()
        if stand_in.op in standard
    )
