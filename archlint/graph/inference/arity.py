"""Checks that calls have the inputs, outputs and attributes that their operator requires.

Runtimes refuse to load a model in which a call lacks one, and no analysis could read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.graph.graph import Graph
from archlint.graph.invalid import InvalidGraph

if TYPE_CHECKING:
    from onnx.defs import OpSchema

    from archlint.graph.node import Node


class Arity(Struct, frozen=True):
    """The number of inputs and outputs of an operator, and which of them are required.

    `needed` and `made` are the slots of required inputs and outputs. From slot `rest` on there may
    be any number of inputs, all of which are required.
    """

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    needed: tuple[int, ...]
    made: tuple[int, ...]
    attributes: tuple[str, ...]
    rest: int | None = None

    def check(self, node: Node) -> None:
        """Raise `InvalidGraph` where a call violates the definition of its operator."""
        for kind, names, (least, most), slots in (
            ("inputs", node.inputs, self.inputs, self.needed),
            ("outputs", node.outputs, self.outputs, self.made),
        ):
            if not least <= len(names) <= most:
                wanted = f"{least}" if least == most else f"{least} to {most}"
                reason = f"the number of {kind} of {node.op} is {len(names)}, not {wanted}"
                raise InvalidGraph(reason, node.name)
            for slot in slots:
                if slot < len(names) and not names[slot]:
                    raise InvalidGraph(f"{node.op} leaves out one of its {kind}", node.name)
        if self.rest is not None and not all(node.inputs[self.rest :]):
            raise InvalidGraph(f"{node.op} leaves out one of its inputs", node.name)
        for name in self.attributes:
            if name not in node.attributes:
                raise InvalidGraph(f"{node.op} lacks its required attribute {name!r}", node.name)


def arity(schema: OpSchema) -> Arity:
    """Return the arity that the schema of an operator defines."""
    single, variadic = schema.FormalParameterOption.Single, schema.FormalParameterOption.Variadic
    rest = [slot for slot, each in enumerate(schema.inputs) if each.option == variadic]
    return Arity(
        (schema.min_input, schema.max_input),
        (schema.min_output, schema.max_output),
        tuple(slot for slot, each in enumerate(schema.inputs) if each.option == single),
        tuple(slot for slot, each in enumerate(schema.outputs) if each.option == single),
        tuple(name for name, each in schema.attributes.items() if each.required),
        rest[0] if rest else None,
    )


def check_graphs(node: Node) -> None:
    """Raise `InvalidGraph` where the outputs of a nested graph do not match those of its node."""
    extra = 1 if node.op == "Loop" else 0  # the condition of the next iteration
    for body in node.attributes.values():
        if isinstance(body, Graph) and len(body.outputs) != len(node.outputs) + extra:
            reason = f"a graph inside {node.op} makes {len(body.outputs)} outputs"
            raise InvalidGraph(f"{reason}, not {len(node.outputs) + extra}", node.name)
