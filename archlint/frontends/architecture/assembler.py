"""Lists of layers to nodes of the graph."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from archlint.errors import did_you_mean
from archlint.frontends.architecture.binding import (
    block_arguments,
    layer_arguments,
    read_initializer,
)
from archlint.frontends.architecture.file import ONNX_PREFIX, SEQUENTIAL
from archlint.frontends.architecture.item import Item, read_item
from archlint.frontends.architecture.layers.table import layers
from archlint.frontends.architecture.scope import INPUT, PREVIOUS, Scope
from archlint.frontends.architecture.site import Adapter, Rejected, Site
from archlint.frontends.architecture.value import (
    Invalid,
    node_boolean,
    node_integer,
    node_number,
    node_word,
)
from archlint.sources.yaml_node import Mapping, Node, Sequence, resolve

if TYPE_CHECKING:
    from archlint.frontends.architecture.block import Block
    from archlint.frontends.architecture.builder import Builder
    from archlint.frontends.architecture.initializer import Initializer
    from archlint.frontends.architecture.layer import Layer
    from archlint.frontends.architecture.tensor import Tensor
    from archlint.sources.yaml_node import Entry

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_DEEPEST = 40
_MOST_REPEATS = 10_000
_LARGEST_RANK = 2**20
_RESERVED = (PREVIOUS, INPUT)
_ROLES = {
    "init": ("weight", "has no weight to initialize"),
    "bias_init": ("bias", "has no bias to initialize"),
    "tie": ("tie", "has no weight to share"),
    "lora": ("lora", "takes no low-rank adapter; a Linear does"),
}


class Assembler:
    """Builds layers in the order of the file; a layer with a problem makes no tensor."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def layers(self, node: Node, path: tuple[str | int, ...], scope: Scope) -> None:
        """Build a list of layers; the scope's "previous" is the last output afterwards."""
        inside = resolve(node)
        if not isinstance(inside, Sequence):
            scope.file.problems.add(node.span, "layers are a list", "start each layer with a dash")
            scope.tensors[PREVIOUS] = None
            return
        for index, item in enumerate(inside.items):
            try:
                self._item(read_item(item, (*path, index), scope.file.is_layer), scope)
            except Invalid as invalid:
                scope.file.problems.add(invalid.span, invalid.message, invalid.help)
                scope.tensors[PREVIOUS] = None
                self._keep_name(item, scope)

    def _item(self, item: Item, scope: Scope) -> None:
        """Build an item as often as it is repeated, and give its output its name."""
        name = self._name(item, scope)
        named = "name" in item.beside
        repeat = item.beside.get("repeat")
        if repeat is None:
            output = self._once(item, name, scope, self._inputs(item, scope))
        else:
            times = node_integer(repeat.value, scope.names, "repeat", 0, _MOST_REPEATS)
            inputs = self._inputs(item, scope)
            output = inputs[0] if inputs else None
            outside = scope.names
            for index in range(times):
                scope.names = {**outside, "index": index}
                output = self._once(item, f"{name}.{index}", scope, inputs)
                if named:
                    scope.tensors[f"{name}.{index}"] = output
                inputs = [output, *inputs[1:]]
            scope.names = outside
        scope.tensors[PREVIOUS] = output
        if named:
            scope.tensors[name] = output

    def _once(
        self, item: Item, name: str, scope: Scope, inputs: list[Tensor | None]
    ) -> Tensor | None:
        condition = item.beside.get("if")
        if condition is not None and not node_boolean(condition.value, scope.names, "if"):
            return inputs[0] if inputs else None
        frozen = scope.frozen
        if "frozen" in item.beside:
            frozen = node_boolean(item.beside["frozen"].value, scope.names, "frozen")
        outside, scope.frozen = scope.frozen, frozen
        try:
            return self._build(item, name, scope, inputs)
        finally:
            scope.frozen = outside

    def _build(
        self, item: Item, name: str, scope: Scope, inputs: list[Tensor | None]
    ) -> Tensor | None:
        word = item.layer
        if word == SEQUENTIAL:
            return self._sequential(item, name, scope, inputs)
        if word in scope.file.blocks:
            return self._block(scope.file.blocks[word], item, name, scope, inputs)
        if word in layers():
            return self._layer(layers()[word], item, name, scope, inputs)
        known = scope.file.known_layers()
        raise Invalid(item.word.span, f"unknown layer {word!r}{did_you_mean(word, known)}")

    def _layer(
        self, layer: Layer, item: Item, name: str, scope: Scope, inputs: list[Tensor | None]
    ) -> Tensor | None:
        problems = scope.file.problems
        defaults = scope.file.defaults.get(layer.name)
        own = item.argument_entries()
        given = {entry.key.text for entry in own}
        entries = [
            *(entry for entry in (defaults.argument_entries() if defaults else ())
              if entry.key.text not in given),
            *own,
        ]  # fmt: skip
        arguments = layer_arguments(layer, entries, scope.names, problems, item.word.span)
        initializers = self._initializers(item, defaults, scope)
        self._check_count(layer, item, inputs)
        made = [tensor for tensor in inputs if tensor is not None]
        if arguments is None or len(made) < len(inputs):
            return None
        site = Site(
            self.builder,
            scope.full_name(name),
            self._metadata(item, scope),
            initializers,
            scope.frozen,
            self._tied(item, scope),
            self._adapter(item, scope),
        )
        try:
            output = layer.build(site, *made, **arguments)
        except Rejected as rejected:
            message = f"{layer.name}: {rejected.message}"
            problems.add(item.argument_span(rejected.argument), message, rejected.help)
            return None
        self._check_used(site, layer, item)
        for part, weight in site.weights.items():
            scope.weights[f"{name}.{part}"] = weight
            if part == "weight":
                scope.weights[name] = weight
        if isinstance(output, tuple):
            scope.tensors |= {f"{name}.{index}": part for index, part in enumerate(output)}
            return output[0]
        return output

    def _sequential(
        self, item: Item, name: str, scope: Scope, inputs: list[Tensor | None]
    ) -> Tensor | None:
        if item.value is None:
            raise Invalid(item.word.span, "Sequential holds a list of layers")
        inside = scope.inside(name, scope.names)
        inside.tensors = {**scope.tensors, PREVIOUS: inputs[0]}
        inside.weights = dict(scope.weights)
        outer = set(scope.tensors)
        self._guard_depth(inside, item)
        self.layers(item.value, (*item.path, SEQUENTIAL), inside)
        self._export(inside, name, scope, outer)
        return inside.tensors[PREVIOUS]

    def _block(
        self, block: Block, item: Item, name: str, scope: Scope, inputs: list[Tensor | None]
    ) -> Tensor | None:
        problems = scope.file.problems
        for word in ("init", "bias_init", "tie", "lora"):
            if word in item.beside:
                raise Invalid(
                    item.beside[word].key.span, f"{word} stands beside layers, not blocks"
                )
        arguments = block_arguments(
            block.name,
            block.parameters,
            block.required,
            item.argument_entries(),
            scope.names,
            problems,
            item.word.span,
        )
        if len(inputs) != len(block.inputs):
            wanted = ", ".join(block.inputs)
            raise Invalid(
                item.argument_span("from"),
                f"the block {block.name} takes {len(block.inputs)} inputs ({wanted}), "
                f"found {len(inputs)}",
            )
        if arguments is None:
            return None
        names = {**block.file.names, **arguments}
        inside = scope.inside(name, names, block.file)
        if block.file is not scope.file and inside.place is None:
            inside.place = item.path
        inside.tensors = dict(zip(block.inputs, inputs, strict=True))
        if len(inputs) == 1:
            inside.tensors[PREVIOUS] = inputs[0]
        self._guard_depth(inside, item)
        self.layers(block.layers, block.path, inside)
        output = inside.tensors.get(PREVIOUS)
        if block.output is not None:
            output = self._reference(block.output, inside)
        self._export(inside, name, scope, {*block.inputs})
        return output

    def _guard_depth(self, scope: Scope, item: Item) -> None:
        if scope.depth > _DEEPEST:
            raise Invalid(
                item.word.span, f"{item.layer} uses itself, or blocks are nested too deep"
            )

    def _export(self, inside: Scope, name: str, scope: Scope, known: set[str]) -> None:
        """Let the outer list refer to the inner names, as `stage1.conv`."""
        for inner, tensor in inside.tensors.items():
            if inner not in known and inner not in _RESERVED:
                scope.tensors[f"{name}.{inner}"] = tensor
        for inner, weight in inside.weights.items():
            scope.weights[f"{name}.{inner}"] = weight

    def _name(self, item: Item, scope: Scope) -> str:
        entry = item.beside.get("name")
        if entry is None:
            return scope.free_name(item.layer.removeprefix(ONNX_PREFIX))
        name = node_word(entry.value, "a name")
        if not _NAME.match(name):
            raise Invalid(
                entry.value.span, f"{name!r} is not a name",
                "use letters, digits, _ and -, starting with a letter",
            )  # fmt: skip
        if name in _RESERVED or name in scope.tensors:
            raise Invalid(entry.value.span, f"the name {name!r} is taken already")
        scope.taken.add(name)
        return name

    def _keep_name(self, item: Node, scope: Scope) -> None:
        """Know the name of a layer that could not be read, so that its users are not blamed."""
        inside = resolve(item)
        entry = inside.get("name") if isinstance(inside, Mapping) else None
        name = None if entry is None else resolve(entry.value)
        text = getattr(name, "text", "")
        if text:
            scope.tensors.setdefault(text, None)

    def _inputs(self, item: Item, scope: Scope) -> list[Tensor | None]:
        entry = item.beside.get("from")
        if entry is None:
            least, _ = layers()[item.layer].inputs if item.layer in layers() else (1, 1)
            if least == 0:
                return []
            if PREVIOUS not in scope.tensors:
                raise Invalid(item.word.span, f"{item.layer} does not say where its input is from",
                              "add from: with one of " + ", ".join(scope.tensors))  # fmt: skip
            return [scope.tensors[PREVIOUS]]
        inside = resolve(entry.value)
        if isinstance(inside, Sequence):
            return [self._reference(node, scope) for node in inside.items]
        return [self._reference(entry.value, scope)]

    def _reference(self, node: Node, scope: Scope) -> Tensor | None:
        name = node_word(node, "a reference")
        if name in scope.tensors:
            return scope.tensors[name]
        head = name.partition(".")[0]
        if head in scope.tensors and scope.tensors[head] is None:
            return None
        near = did_you_mean(name, scope.tensors)
        raise Invalid(
            node.span, f"nothing before this is called {name!r}{near}",
            "known: " + ", ".join(known for known in scope.tensors if "." not in known),
        )  # fmt: skip

    def _tied(self, item: Item, scope: Scope) -> Tensor | None:
        entry = item.beside.get("tie")
        if entry is None:
            return None
        name = node_word(entry.value, "tie")
        if name in scope.weights:
            return scope.weights[name]
        near = did_you_mean(name, scope.weights)
        raise Invalid(
            entry.value.span, f"no layer before this with a weight is called {name!r}{near}"
        )

    def _initializers(
        self, item: Item, defaults: Item | None, scope: Scope
    ) -> dict[str, Initializer]:
        declared = {}
        beside: dict[str, Entry] = {**(defaults.beside if defaults else {}), **item.beside}
        for word, role in (("init", "weight"), ("bias_init", "bias")):
            if word in beside:
                declared[role] = read_initializer(beside[word].value, scope.names)
        return declared

    def _check_count(self, layer: Layer, item: Item, inputs: list[Any]) -> None:
        least, most = layer.inputs
        if least <= len(inputs) and (most is None or len(inputs) <= most):
            return
        wanted = (
            f"{least}" if least == most else f"{least} to {most}" if most else f"{least} or more"
        )
        raise Invalid(
            item.argument_span("from"), f"{layer.name} takes {wanted} inputs, found {len(inputs)}"
        )

    def _adapter(self, item: Item, scope: Scope) -> Adapter | None:
        entry = item.beside.get("lora")
        if entry is None:
            return None
        inside = resolve(entry.value)
        rank = inside.get("r") if isinstance(inside, Mapping) else None
        if rank is None or not isinstance(inside, Mapping):
            raise Invalid(
                entry.value.span, "lora needs its rank r", "write lora: {r: 8, alpha: 16}"
            )
        for setting in inside.merged():
            word = setting.key.text
            if word not in {"r", "alpha"}:
                near = did_you_mean(word, ("r", "alpha"))
                raise Invalid(setting.key.span, f"unknown setting of lora: {word!r}{near}")
        size = node_integer(rank.value, scope.names, "r", 1, _LARGEST_RANK)
        alpha = inside.get("alpha")
        factor = size if alpha is None else node_number(alpha.value, scope.names, "alpha")
        return Adapter(size, factor)

    def _check_used(self, site: Site, layer: Layer, item: Item) -> None:
        for word, (role, what) in _ROLES.items():
            if word in item.beside and role not in site.used:
                raise Invalid(item.beside[word].key.span, f"this {layer.name} {what}")

    def _metadata(self, item: Item, scope: Scope) -> dict[str, str]:
        path = item.path if scope.place is None else scope.place
        return {"archlint.path": json.dumps(list(path)), "archlint.layer": item.layer}
