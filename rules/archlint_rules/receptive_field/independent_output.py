"""RF012: an output does not depend on the contents of any input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


class IndependentOutput(Rule):
    """An output is the same whatever the inputs hold, or an input changes no output."""

    code = "RF012"
    name = "independent-output"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("receptive-field", "structure")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report outputs without a data path from an input, and inputs without one to an output."""
        graph, fields = model.graph, model.facts.receptive_fields
        for name in graph.outputs:
            if graph.inputs and name not in fields.data:
                yield self.finding(
                    f"output {name} does not depend on the contents of any input",
                    node=graph.producers.get(name),
                    tensor=name,
                    help="connect it, or store it as the constant that it is",
                    severity=Severity.INFO,
                )
        for name in graph.inputs:
            if graph.consumers.get(name) and not fields.reaches(name, graph.outputs):
                yield self.finding(
                    f"no output depends on the contents of input {name}, which is used only for "
                    "its shape or not at all",
                    tensor=name,
                    help="connect it, or give the shape alone",
                )
