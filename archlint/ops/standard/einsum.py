"""Einsum as a chain of batched products, from left to right, as PyTorch runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from string import ascii_letters

from msgspec import Struct

from archlint.ops.call import Call, width
from archlint.ops.cost import Cost, Product
from archlint.ops.saved import Gradients, SavedTensors
from archlint.ops.strides import Strides, contiguous, follows, reshape
from archlint.ops.undetermined import Undetermined

_ELLIPSIS = "..."


class Factor(Struct, frozen=True):
    """One side of a product: its indices, strides, and the inputs that it is computed from."""

    letters: str
    strides: Strides | None
    slots: frozenset[int]

    @property
    def is_input(self) -> bool:
        """Whether the side is an input itself, not an earlier product."""
        return len(self.slots) == 1

    def along(self, letters: str, sizes: Mapping[str, int]) -> Strides | None:
        """Return the strides along these indices, 0 for indices that the side does not have."""
        if self.strides is None:
            return None
        places = dict(zip(self.letters, self.strides, strict=True))
        return tuple(places.get(letter, 0) if sizes[letter] > 1 else 0 for letter in letters)


class Contraction(Struct, frozen=True):
    """One product of two sides: batched, left, right and summed indices."""

    left: Factor
    right: Factor
    batched: str
    rows: str
    columns: str
    summed: str

    @property
    def letters(self) -> str:
        """All indices that the product runs over."""
        return self.batched + self.rows + self.columns + self.summed

    def result(self, order: str, sizes: Mapping[str, int]) -> Factor:
        """Return the product: batched, or elementwise where nothing is summed."""
        lies = self.batched + self.rows + self.columns
        letters = "".join(letter for letter in order if letter in lies)
        shape = tuple(sizes[letter] for letter in letters)
        slots = self.left.slots | self.right.slots
        sides = [side.along(letters, sizes) for side in (self.left, self.right)]
        known = [(shape, strides) for strides in sides if strides is not None]
        if not self.summed and len(known) == len(sides):
            return Factor(letters, follows(shape, known), slots)
        own = contiguous(tuple(sizes[letter] for letter in lies))
        places = dict(zip(lies, own, strict=True))
        return Factor(letters, tuple(places[letter] for letter in letters), slots)


def equation(call: Call) -> tuple[tuple[str, ...], str]:
    """Return the subscripts of the operands and of the output, an ellipsis spelled out."""
    text = call.text("equation", "").replace(" ", "")
    if not text:
        raise Undetermined("an Einsum without an equation")
    left, arrow, right = text.partition("->")
    operands = left.split(",")
    if _ELLIPSIS in text:
        free = [letter for letter in ascii_letters if letter not in text]
        named = [len(letters) - len(_ELLIPSIS) for letters in operands]
        longest = 0
        for slot, letters in enumerate(operands):
            if _ELLIPSIS in letters:
                covered = call.rank(slot) - named[slot]
                longest = max(longest, covered)
                hidden = "".join(free[-covered:]) if covered else ""
                operands[slot] = letters.replace(_ELLIPSIS, hidden)
        right = right.replace(_ELLIPSIS, "".join(free[-longest:]) if longest else "")
        if not arrow:
            right = "".join(free[-longest:]) if longest else ""
    if not arrow:
        letters = "".join(operands)
        once = sorted(letter for letter in set(letters) if letters.count(letter) == 1)
        right += "".join(letter for letter in once if letter not in right)
    unknown = set(right).difference(*operands)
    if unknown:
        raise Undetermined(f"no operand of the equation has {', '.join(sorted(unknown))}")
    return tuple(operands), right


def extents(call: Call, operands: Sequence[str]) -> dict[str, int]:
    """Return the extent of every index; an axis of one element is broadcast."""
    found: dict[str, int] = {}
    for slot, letters in enumerate(operands):
        shape = call.shape(slot)
        if len(shape) != len(letters):
            raise Undetermined(f"operand {slot} has {len(shape)} axes, in the equation {letters!r}")
        for letter, size in zip(letters, shape, strict=True):
            found[letter] = max(found.get(letter, 1), size)
    return found


def contractions(
    operands: Sequence[str],
    output: str,
    strides: Sequence[Strides | None],
    sizes: Mapping[str, int],
) -> Iterator[Contraction]:
    """Yield the products of a chain from left to right."""
    order = output + "".join(sorted(set("".join(operands)) - set(output)))
    left = Factor(operands[0], strides[0], frozenset({0}))
    for slot in range(1, len(operands)):
        right = Factor(operands[slot], strides[slot], frozenset({slot}))
        later = set(output).union(*operands[slot + 1 :])
        both = set(left.letters) & set(right.letters)
        made = Contraction(
            left,
            right,
            batched="".join(letter for letter in order if letter in both & later),
            rows="".join(letter for letter in order if letter in set(left.letters) & later - both),
            columns="".join(
                letter for letter in order if letter in set(right.letters) & later - both
            ),
            summed="".join(letter for letter in order if letter in both - later),
        )
        yield made
        left = made.result(order, sizes)


def einsum_cost(call: Call) -> Cost:
    """Count the product of all index extents of each contraction, if it sums over any index."""
    operands, output = equation(call)
    if len(operands) == 1:
        return Cost(elementwise=call.elements(0))
    sizes = extents(call, operands)
    products, elementwise = [], 0
    for each in contractions(operands, output, (None,) * len(operands), sizes):
        work = prod(sizes[letter] for letter in each.letters)
        if each.summed:
            products.append(Product(work, (each.left.slots, each.right.slots)))
        else:
            elementwise += work
    return Cost(tuple(products), elementwise)


def saves_einsum(call: Call, gradients: Gradients) -> SavedTensors:
    """Save both sides of every product, or copies where their axes have to be merged.

    A product that sums nothing is made element by element: it merges no axes.
    """
    operands, output = equation(call)
    if len(operands) == 1:
        return SavedTensors()
    sizes = extents(call, operands)
    strides = [gradients.strides_of(slot) for slot in range(len(operands))]
    element = width(call.input(0)) // 8
    shared: list[int] = []
    own = 0
    chain = list(contractions(operands, output, strides, sizes))
    for each in chain:
        sides = (
            (each.left, each.right, (each.batched, each.rows, each.summed)),
            (each.right, each.left, (each.batched, each.summed, each.columns)),
        )
        for side, other, groups in sides:
            if not any(gradients[slot] for slot in other.slots):
                continue
            left = [letter for letter in side.letters if letter in each.letters]
            is_summed = len(left) < len(
                side.letters
            )  # over indices that no other operand has, before
            copied = bool(each.summed) and _is_copied(side, groups, sizes)
            if is_summed or copied or not side.is_input:
                own += element * prod(sizes[letter] for letter in left)
            else:
                shared.extend(side.slots)
    passing = element * _passing(chain[-1], operands, gradients, sizes)
    return SavedTensors(inputs=tuple(shared), own=own, transient=passing)


def _passing(
    last: Contraction, operands: Sequence[str], gradients: Gradients, sizes: Mapping[str, int]
) -> int:
    """Return the elements of intermediate gradients in the derivative of the last product.

    They are the gradient of an earlier product, and, where nothing is summed, full gradients of
    operands that were broadcast.
    """

    def elements(letters: str) -> int:
        return prod(sizes[letter] for letter in letters)

    trained = [
        side for side in (last.left, last.right) if any(gradients[slot] for slot in side.slots)
    ]
    earlier = sum(
        elements(side.letters)
        - sum(elements(operands[slot]) for slot in side.slots if gradients[slot])
        for side in trained
        if not side.is_input
    )
    full = elements(last.letters)
    reduced = [elements(side.letters) for side in trained if elements(side.letters) < full]
    if last.summed or not reduced:
        return earlier
    return earlier + max(full, len(reduced) * full - sum(reduced[1:]))


def _is_copied(side: Factor, groups: Sequence[str], sizes: Mapping[str, int]) -> bool:
    """Whether the axes of each group cannot be merged without moving elements."""
    if side.strides is None:
        return False
    places = dict(zip(side.letters, side.strides, strict=True))
    ordered = "".join(groups)
    shape = tuple(sizes[letter] for letter in ordered)
    merged = tuple(prod(sizes[letter] for letter in group) for group in groups)
    return reshape(shape, tuple(places[letter] for letter in ordered), merged) is None


def lies_as_product(call: Call, strides: Sequence[Strides | None]) -> Strides:
    """Return the strides of the result, which are those of the last product."""
    operands, output = equation(call)
    sizes = extents(call, operands)
    shape = tuple(sizes[letter] for letter in output)
    chain = list(contractions(operands, output, strides, sizes))
    if not chain:
        return contiguous(shape)
    last = chain[-1].result(output, sizes)
    return last.strides or contiguous(shape)
