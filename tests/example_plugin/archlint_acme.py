"""The smallest plugin: one rule that a stranger's package adds to archlint."""

from archlint.api import Finding, Model, Rule, hookimpl


class NoSigmoid(Rule):
    """A sigmoid saturates, and hidden layers train slowly."""

    code, name = "ACME001", "no-sigmoid"

    def check(self, model: Model) -> list[Finding]:
        nodes = [node for node in model.graph.nodes if node.op == "Sigmoid"]
        return [self.finding(f"{node.name} is a sigmoid", node=node) for node in nodes]


@hookimpl
def archlint_rules() -> list[type[Rule]]:
    return [NoSigmoid]
