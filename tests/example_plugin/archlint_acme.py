"""The smallest plugin: one rule that a stranger's package adds to archlint."""

from archlint.api import Rule, hookimpl


class NoSigmoid(Rule):
    """A sigmoid saturates, and hidden layers train slowly."""

    code, name = "ACME001", "no-sigmoid"

    def check(self, model):
        for node in model.graph.nodes:
            if node.op == "Sigmoid":
                yield self.finding(f"{node.name} is a sigmoid", node=node)


@hookimpl
def archlint_rules():
    return [NoSigmoid]
