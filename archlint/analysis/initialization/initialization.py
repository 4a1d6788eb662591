"""How each weight of a graph is initialized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, cached_property

from msgspec import Struct

from archlint.analysis.initialization.distribution import Distribution
from archlint.analysis.initialization.framework_default import framework_default
from archlint.analysis.initialization.freshness import Freshness
from archlint.analysis.initialization.layer import Layer
from archlint.analysis.structure.flow import Flow
from archlint.frontends.properties import FAN_IN, FAN_OUT, INITIALIZER
from archlint.graph.node import Node
from archlint.ops.effect import Recurs, Sums
from archlint.ops.fan import Fan
from archlint.sources.tensor_numbers import Describe


class Initialization(Struct, frozen=True, dict=True):
    """The weights of a graph before training.

    `describe` reads stored numbers, and is called only for weights whose distribution is asked for.
    `stated` is what the target says about them (`fresh`, `trained` or `auto`); `may_fold` is false
    where the target says that no batch normalization was folded into them.
    """

    flow: Flow
    describe: Describe
    stated: str = "auto"
    may_fold: bool = True

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The weighted sums whose weight is stored and whose other factor is computed.

        A sum over no elements has no scale to keep.
        """
        layers = []
        for node in self.flow.weighted:
            effect = self.flow.effect(node)
            if isinstance(effect, Sums) and effect.fan.fan_in > 0:
                layers.extend(self._of_sum(node, effect))
        return tuple(layers)

    @cached_property
    def fans(self) -> Mapping[str, Fan]:
        """The fan of every weight of a sum or a recurrent cell, by the weight's name."""
        fans = {layer.weight: layer.fan for layer in self.layers}
        for node in self.flow.weighted:
            effect = self.flow.effect(node)
            if isinstance(effect, Recurs):
                for slot, fan in effect.fans:
                    root = self.flow.parameters.origins.get(node.inputs[slot])
                    if root is not None:
                        fans[root] = fan
        return fans

    @cached_property
    def is_known(self) -> bool:
        """Whether the initialization of any weight is known; false for a trained model."""
        weights = self.flow.graph.weights.values()
        tells = self.freshness.is_fresh or any(INITIALIZER in each.metadata for each in weights)
        return tells and any(self.initial(name) is not None for name in self.fans)

    @cached_property
    def freshness(self) -> Freshness:
        """Whether stored weights are freshly initialized."""
        return Freshness(self.flow, self.stored, self.stated)

    @cached_property
    def initial(self) -> Callable[[str], Distribution | None]:
        """The distribution of a weight before training; None where it is not known.

        It is what the file declares, or what it stores if its weights are fresh.
        """
        return cache(self._initial)

    @cached_property
    def stored(self) -> Callable[[str], Distribution | None]:
        """The distribution of the stored numbers of a float tensor, fresh or not."""
        return cache(self._stored)

    def default(self, layer: Layer) -> str:
        """Return the framework default with which a layer's weight was left; "" for none."""
        found = self.initial(layer.weight)
        return "" if found is None else framework_default(layer.fan, found)

    def declared(self, name: str) -> Distribution | None:
        """Return the distribution that the file declares for a weight."""
        weight = self.flow.graph.weights.get(name)
        text = None if weight is None else weight.metadata.get(INITIALIZER)
        if weight is None or text is None:
            return None
        from archlint.analysis.initialization.declared import declared

        fan_in, fan_out = (int(weight.metadata.get(key, "1")) for key in (FAN_IN, FAN_OUT))
        return declared(text, self.flow.graph.values[name].sizes or (), (fan_in, fan_out))

    def _initial(self, name: str) -> Distribution | None:
        found = self.declared(name)
        return self.stored(name) if found is None and self.freshness.is_fresh else found

    def _stored(self, name: str) -> Distribution | None:
        from archlint.analysis.initialization.measured import measured

        value = self.flow.graph.values.get(name)
        is_float = value is not None and value.dtype is not None and value.dtype.is_float
        found = self.describe(name) if is_float else None
        return None if found is None else measured(found)

    def _of_sum(self, node: Node, effect: Sums) -> list[Layer]:
        roots = [self._trainable(node.inputs[slot]) for slot in effect.factors]
        if (roots[0] is None) == (roots[1] is None):
            return []
        data = node.inputs[effect.factors[0 if roots[0] is None else 1]]
        weight = roots[0] or roots[1]
        if weight is None or data in self.flow.parameters.origins:
            return []
        return [Layer(node, weight, effect.fan, data, self.may_fold, self.flow)]

    def _trainable(self, name: str) -> str | None:
        root = self.flow.parameters.origins.get(name)
        return root if root in self.flow.parameters.trainable else None
