"""RF012: an output, of the model or of a softmax, does not depend on the contents of any input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity, Shares, Sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node


class IndependentOutput(Rule):
    """An output is the same whatever the inputs hold, or an input changes no output."""

    code = "RF012"
    name = "independent-output"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("receptive-field", "structure")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report outputs that no input reaches, and inputs that reach no output."""
        dependence = model.facts.dependence
        for name in dependence.independent_outputs:
            yield self.finding(
                f"output {name} does not depend on the contents of any input",
                node=model.graph.producers.get(name),
                tensor=name,
                help="connect it, or store it as the constant that it is",
                severity=Severity.INFO,
            )
        for name in dependence.ineffective_inputs:
            yield self.finding(
                f"no output depends on the contents of input {name}",
                tensor=name,
                help="connect what is made of it to an output, or remove the input",
            )
        yield from self._alone(model)

    def _alone(self, model: Model) -> Iterator[Finding]:
        """Report each softmax over the only unit of a layer: that is 1, whatever comes in."""
        flow = model.facts.flow
        for node in flow.nodes:
            effect = flow.effect(node)
            is_alone = isinstance(effect, Shares) and effect.length == 1
            layer = _layer(model, node) if is_alone else None
            if layer is not None:
                yield self.finding(
                    f"{node.name} takes the softmax over the only unit of {layer.name}, which is 1 "
                    "whatever the inputs hold",
                    node=node,
                    tensor=node.output,
                    data={"layer": layer.name},
                    help="take it over another axis, or a sigmoid in its place",
                )


def _layer(model: Model, node: Node) -> Node | None:
    """Return the layer of one unit that a node reads."""
    flow = model.facts.flow
    origin = flow.origins.get(node.inputs[0])
    layer = None if origin is None else origin.node
    effect = None if layer is None else flow.effect(layer)
    if layer is None or not isinstance(effect, Sums) or effect.fan.outputs != 1:
        return None
    is_weighted = any(flow.is_stored(layer.inputs[slot]) for slot in effect.factors)
    return layer if is_weighted else None
