"""FLOP004: sizes of products that are not multiples of the tensor cores' tiles."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from archlint.api import Finding, Model, Node, Rule, Severity, format_share

_MULTIPLE = 8  # of 16-bit numbers: 16 bytes
_FORMATS = frozenset({"bf16", "fp16"})
_VOCABULARY = 8192
_SMALL_PART = 0.01  # of the arithmetic of a forward pass
_FEW = 4  # channels of an image, which kernels pad by themselves
_SHOWN = 3


class _Misaligned(Struct, frozen=True):
    """A product whose weight has sizes that are not multiples of 8."""

    node: Node
    sizes: tuple[int, ...]
    part: float

    @property
    def is_vocabulary(self) -> bool:
        return self.sizes[-1] >= _VOCABULARY


class TensorCoreAlignment(Rule):
    """Sizes of 16-bit products are not multiples of 8, which tensor cores need for full speed."""

    code = "FLOP004"
    name = "tensor-core-alignment"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("compute",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Check the sizes of the weights of all products with enough work."""
        number_format = model.target.training.precision.removesuffix("-mixed")
        if number_format not in _FORMATS or not model.facts.compute.forward_macs.complete:
            return
        found = list(_misaligned(model))
        for each in found:
            if each.is_vocabulary:
                yield self._vocabulary(each)
        others = [each for each in found if not each.is_vocabulary]
        if others:
            largest = max(others, key=lambda each: each.part)
            listed = ", ".join(
                f"{each.node.name} ({' x '.join(map(str, each.sizes))})"
                for each in sorted(others, key=lambda each: -each.part)[:_SHOWN]
            )
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            yield self.finding(
                f"sizes of {len(others)} {'products' if len(others) > 1 else 'product'} in "
                f"{number_format} are not multiples of {_MULTIPLE}: {listed}{more}, "
                f"{format_share(sum(each.part for each in others))} of the arithmetic",
                node=largest.node,
                data={
                    "nodes": {each.node.name: list(each.sizes) for each in others},
                    "part": sum(each.part for each in others),
                },
                help=f"widths that are multiples of {_MULTIPLE} let tensor cores work without "
                "padding; measure before you change a network for it",
            )

    def _vocabulary(self, each: _Misaligned) -> Finding:
        size = each.sizes[-1]
        padded = -(-size // 64) * 64
        return self.finding(
            f"the vocabulary of {size} is not a multiple of {_MULTIPLE}, in "
            f"{format_share(each.part)} of the arithmetic",
            node=each.node,
            severity=Severity.WARNING,
            data={"size": size, "padded": padded, "part": each.part},
            help=f"pad it to {padded}, the next multiple of 64; the added rows are never used",
        )


def _misaligned(model: Model) -> Iterator[_Misaligned]:
    compute, graph = model.facts.compute, model.graph
    whole = compute.forward_macs.low
    seen: set[str] = set()
    for name, entry in model.facts.parameters.trainable.items():
        for use in entry.uses:
            cost = compute.of_node[use.node.name].cost
            shape = graph.values[name].sizes
            if cost is None or not cost.macs or shape is None or len(shape) < 2:
                continue
            if len(shape) > 2 and shape[1] == 1:  # depthwise: no tensor core runs that
                continue
            sizes = tuple(sorted(size for size in shape[:2] if size % _MULTIPLE and size > _FEW))
            large = cost.macs > _SMALL_PART * whole
            if sizes and large and use.node.name not in seen:
                seen.add(use.node.name)
                yield _Misaligned(use.node, sizes, cost.macs / whole)
