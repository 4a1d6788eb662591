"""Builds lists of layers into nodes of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.frontends.architecture.binding import block_arguments, layer_arguments
from archlint.frontends.architecture.file import SEQUENTIAL
from archlint.frontends.architecture.item import Item, read_item
from archlint.frontends.architecture.layers.table import layers
from archlint.frontends.architecture.onnx_operator import PREFIX, build_operator
from archlint.frontends.architecture.placing import check_used, place
from archlint.frontends.architecture.problems import Stop
from archlint.frontends.architecture.scope import PREVIOUS, Scope
from archlint.frontends.architecture.site import Rejected, Site
from archlint.frontends.architecture.value import Invalid, node_boolean, node_integer
from archlint.frontends.architecture.wiring import (
    claim_name,
    inputs_of,
    keep_name,
    keep_results,
    show_inner,
)
from archlint.sources.yaml_node import Node, Sequence, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from archlint.frontends.architecture.block import Block
    from archlint.frontends.architecture.builder import Builder
    from archlint.frontends.architecture.layer import Layer
    from archlint.frontends.architecture.tensor import Tensor
    from archlint.frontends.architecture.wiring import Inputs

_DEEPEST = 40
_MOST_REPEATS = 10_000
_MOST_LAYERS = 20_000
_MOST_WORK = 500_000


class Assembler:
    """Builds layers in the order of the file; a layer with a problem has no output."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._layers = 0
        self._work = 0

    def layers(self, node: Node, path: tuple[str | int, ...], scope: Scope) -> None:
        """Build a list of layers; the scope's "previous" is the last output afterwards."""
        inside = resolve(node)
        if not isinstance(inside, Sequence) or not inside.items:
            scope.file.problems.add(node.span, "layers are a list", "start each layer with a dash")
            scope.tensors[PREVIOUS] = None
            return
        for index, item in enumerate(inside.items):
            try:
                self._item(read_item(item, (*path, index), scope.file), scope)
            except Invalid as invalid:
                scope.file.problems.add_invalid(invalid)
                scope.tensors[PREVIOUS] = None
                keep_name(item, scope)

    def _item(self, item: Item, scope: Scope) -> None:
        """Build an item once per repetition, and give its output its name."""
        name = claim_name(item, scope)
        inputs = inputs_of(item, scope)
        repeat = item.beside.get("repeat")
        if repeat is None:
            output = self._once(item, name, scope, inputs)
        else:
            times = node_integer(repeat.value, scope.names, "repeat", 0, _MOST_REPEATS)
            output = self._repeated(item, name, scope, inputs, times)
        scope.tensors[PREVIOUS] = output
        if "name" in item.beside:
            scope.tensors[name] = output

    def _repeated(
        self, item: Item, name: str, scope: Scope, inputs: Inputs, times: int
    ) -> Tensor | None:
        """Build an item several times; each takes the output of the one before as first input."""
        output = inputs[0] if inputs else None
        outside = scope.names
        for index in range(times):
            scope.names = {**outside, "index": index}
            try:
                output = self._once(item, f"{name}.{index}", scope, inputs)
            finally:
                scope.names = outside
            if "name" in item.beside:
                scope.tensors[f"{name}.{index}"] = output
            inputs = [output, *inputs[1:]]
        return output

    def _once(self, item: Item, name: str, scope: Scope, inputs: Inputs) -> Tensor | None:
        self._count_work(item, scope)
        condition = item.beside.get("if")
        if condition is not None and not node_boolean(condition.value, scope.names, "if"):
            return inputs[0] if inputs else None
        outside = scope.frozen
        frozen = item.beside.get("frozen")
        if frozen is not None:
            scope.frozen = node_boolean(frozen.value, scope.names, "frozen")
        try:
            return self._build(item, name, scope, inputs)
        finally:
            scope.frozen = outside

    def _count_work(self, item: Item, scope: Scope) -> None:
        """Stop where a small file expands to too many nodes."""
        defaults = scope.file.defaults.get(item.layer)
        self._layers += 1
        self._work += item.size + (defaults.size if defaults else 0)
        if self._layers > _MOST_LAYERS or self._work > _MOST_WORK:
            message = f"the blocks expand to more than {_MOST_LAYERS:,} layers"
            if self._layers <= _MOST_LAYERS:
                message = f"the blocks expand to more than {_MOST_WORK:,} arguments"
            scope.file.problems.add(item.span, message)
            raise Stop

    def _build(self, item: Item, name: str, scope: Scope, inputs: Inputs) -> Tensor | None:
        word = item.layer
        if word == SEQUENTIAL:
            return self._sequential(item, name, scope, inputs)
        if word in scope.file.blocks:
            return self._block(scope.file.blocks[word], item, name, scope, inputs)
        if word in layers():
            return self._layer(layers()[word], item, name, scope, inputs)
        if word.startswith(PREFIX):
            return self._operator(item, name, scope, inputs)
        raise scope.file.unknown_layer(item.word)

    def _layer(
        self, layer: Layer, item: Item, name: str, scope: Scope, inputs: Inputs
    ) -> Tensor | None:
        defaults = scope.file.defaults.get(layer.name)
        entries = item.argument_entries(layer.arguments)
        given = {entry.key.text for entry in entries}
        if defaults is not None:
            inherited = defaults.argument_entries()
            entries += [entry for entry in inherited if entry.key.text not in given]
        problems = scope.file.problems
        arguments = layer_arguments(layer, entries, scope.names, problems, item.word.span)
        site = place(item, name, scope, self.builder)
        _check_count(layer, item, inputs)
        if arguments is None:
            return None
        return _result(
            site, item, name, scope, inputs, lambda made: layer.build(site, *made, **arguments)
        )

    def _operator(self, item: Item, name: str, scope: Scope, inputs: Inputs) -> Tensor | None:
        site = place(item, name, scope, self.builder)
        return _result(
            site, item, name, scope, inputs,
            lambda made: build_operator(site, item, made, scope.names),
        )  # fmt: skip

    def _sequential(self, item: Item, name: str, scope: Scope, inputs: Inputs) -> Tensor | None:
        if item.value is None or len(inputs) != 1:
            raise Invalid(item.word.span, "Sequential holds a list of layers and takes one input")
        inside = scope.inside(name, scope.names)
        inside.tensors = {**scope.tensors, PREVIOUS: inputs[0]}
        inside.weights = dict(scope.weights)
        _refuse_words(item, "a group")
        _guard_depth(inside, item)
        known = set(scope.tensors)
        self.layers(item.value, (*item.path, SEQUENTIAL), inside)
        show_inner(inside, item, name, scope, known)
        return inside.tensors[PREVIOUS]

    def _block(
        self, block: Block, item: Item, name: str, scope: Scope, inputs: Inputs
    ) -> Tensor | None:
        _refuse_words(item, "a block")
        arguments = block_arguments(block, item, scope.names, scope.file.problems)
        if len(inputs) != len(block.inputs):
            wanted = ", ".join(block.inputs)
            raise Invalid(
                item.argument_span("from"),
                f"the block {block.name} takes {len(block.inputs)} inputs ({wanted}), "
                f"found {len(inputs)}",
            )
        if arguments is None:
            return None
        inside = scope.inside(name, {**block.file.names, **arguments}, block.file)
        if block.file is not scope.file and inside.place is None:
            inside.place = item.path
        inside.tensors = dict(zip(block.inputs, inputs, strict=True))
        if len(inputs) == 1:
            inside.tensors[PREVIOUS] = inputs[0]
        _guard_depth(inside, item)
        self.layers(block.layers, block.path, inside)
        output = inside.tensors.get(PREVIOUS)
        if block.output is not None:
            output = inside.reference(block.output)
        show_inner(inside, item, name, scope, {*block.inputs})
        return output


def _check_count(layer: Layer, item: Item, inputs: Inputs) -> None:
    least, most = layer.inputs
    if least <= len(inputs) and (most is None or len(inputs) <= most):
        return
    wanted = f"{least}" if least == most else f"{least} or more"
    if most is not None and most > least:
        wanted = f"{least} to {most}"
    message = f"{layer.name} takes {wanted} inputs, found {len(inputs)}"
    raise Invalid(item.argument_span("from"), message)


def _refuse_words(item: Item, what: str) -> None:
    for word in ("init", "bias_init", "tie", "lora"):
        if word in item.beside:
            raise Invalid(item.beside[word].key.span, f"{word} belongs beside a layer, not {what}")


def _guard_depth(scope: Scope, item: Item) -> None:
    if scope.depth > _DEEPEST:
        message = f"{item.layer} uses itself, or more than {_DEEPEST} blocks are inside each other"
        raise Invalid(item.word.span, message)


def _result(  # noqa: PLR0913, PLR0917 - a layer at its place, and how it is built
    site: Site,
    item: Item,
    name: str,
    scope: Scope,
    inputs: Inputs,
    build: Callable[[list[Tensor]], Tensor | tuple[Tensor, ...]],
) -> Tensor | None:
    """Build a layer and register its outputs; None where it or its inputs cannot be built."""
    made = [tensor for tensor in inputs if tensor is not None]
    if len(made) < len(inputs):
        return None
    try:
        output = build(made)
    except Rejected as rejected:
        span = item.argument_span(rejected.argument)
        scope.file.problems.add(span, f"{item.layer}: {rejected.message}", rejected.help)
        return None
    check_used(site, item)
    return keep_results(output, site, item, name, scope)
