"""The work of an operator: products (matmul-class) and elementwise work."""

from __future__ import annotations

from msgspec import Struct


class Product(Struct, frozen=True):
    """Matmul-class work: `macs` multiply-accumulates of two operands (1 MAC = 2 FLOP).

    An operand is the set of input slots that it is made of. The backward pass costs `macs` again
    for every operand that needs a gradient: d(AB) is dA B + A dB. Where both do, it costs twice the
    forward pass (Kaplan et al. 2020, section 2.1).
    """

    macs: int
    operands: tuple[frozenset[int], frozenset[int]]


class Cost(Struct, frozen=True):
    """The forward work of one call. `elementwise` is FLOP outside products.

    Where the work depends on the data, `least` is the share of it that is done in any case, and
    `depends_on` says on what of the data. Where it does not follow from the file, `most` are the
    products that there may be at most.
    """

    products: tuple[Product, ...] = ()
    elementwise: int = 0
    least: float = 1.0
    depends_on: str = ""
    most: tuple[Product, ...] | None = None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all products."""
        return sum(product.macs for product in self.products)


FREE = Cost()


def product(macs: int, left: int, right: int) -> Cost:
    """Return the cost of one product of the input slots `left` and `right`."""
    return Cost((Product(macs, (frozenset({left}), frozenset({right}))),))


def elementwise(flops: int) -> Cost:
    """Return the cost of work without products."""
    return Cost(elementwise=flops)
