"""Classical machine learning (ai.onnx.ml): linear models, SVMs, trees, encoders."""

from __future__ import annotations

from math import ceil, log2

from archlint.ops.call import Call
from archlint.ops.cost import Cost, Product, elementwise
from archlint.ops.facets import (
    no_cost,
    per_output,
    saves_nothing,
    sees_first_input,
    sees_row,
)
from archlint.ops.links import InputLinks, Link, Links, Opaque, Piece, Through, Whole, same_axes
from archlint.ops.operator import CostFacet, LinksFacet, Operator
from archlint.ops.reach import tabulated
from archlint.ops.taps import Taps
from archlint.ops.undetermined import Undetermined

_DOMAIN = "ai.onnx.ml"


def _samples(call: Call) -> int:
    """Return how many rows of features there are: (N, F), or one row (F)."""
    shape = call.shape(0)
    return shape[0] if len(shape) > 1 else 1


def _count(call: Call, name: str) -> int:
    """Return how many numbers an attribute holds."""
    value = call.node.attributes.get(name)
    if isinstance(value, tuple):
        return len(value)
    size = getattr(value, "size", None)
    if isinstance(size, int):
        return size
    elements = getattr(value, "elements", None)
    return elements if isinstance(elements, int) else 0


def _product(macs: int) -> Cost:
    return Cost((Product(macs, (frozenset({0}), frozenset())),))


def linear_cost(call: Call) -> Cost:
    """Count every coefficient once a sample."""
    return _product(_samples(call) * _count(call, "coefficients"))


def support_cost(call: Call) -> Cost:
    """Count the products with all support vectors, and those of their kernels with coefficients."""
    once = _count(call, "support_vectors") + _count(call, "coefficients")
    return _product(_samples(call) * once)


def tree_cost(call: Call) -> Cost:
    """Count one comparison a level of each tree, as if trees were balanced."""
    nodes = _count(call, "nodes_featureids")
    roots = _count(call, "tree_roots")
    given = call.node.attributes.get("nodes_treeids")
    trees = roots or (len(set(given)) if isinstance(given, tuple) else 0)
    if not trees:
        raise Undetermined("an ensemble without trees")
    return elementwise(_samples(call) * trees * ceil(log2(max(nodes / trees, 1) + 1)))


def sees_chosen(call: Call, _: int) -> InputLinks:
    """Columns are selected by their indices."""
    last = call.rank(0) - 1
    chosen = call.constant(1)
    along: Link = Whole(last)
    if chosen is not None and chosen.size and (chosen >= 0).all():
        taps = [Taps(int(column), 1) for column in chosen.reshape(-1)]
        along = Through(last, last, tabulated(taps))
    return {0: (*same_axes(last), along)}


def sees_joined(call: Call, _: int) -> InputLinks:
    """Features of several tensors are concatenated."""
    by_slot: dict[int, Links] = {}
    start: int | None = 0
    for slot in range(len(call.node.inputs)):
        rank = call.rank(slot)
        size = (call.input(slot).shape or (None,))[-1]
        length = size if isinstance(size, int) else None
        along: Link = Opaque(rank - 1, "the length of an earlier piece is not known")
        if start is not None:
            along = Piece(rank - 1, start, length)
        start = None if start is None or length is None else start + length
        by_slot[slot] = (*same_axes(rank - 1), along)
    return by_slot


def sees_map(_: Call, __: int) -> InputLinks:
    """The contents of a map depend on the data."""
    raise Undetermined("what is in a map is not known")


def operators() -> tuple[Operator, ...]:
    """Return the entries of this family. None has a gradient: these models are fitted."""
    return (
        _op("LinearClassifier", linear_cost, sees_row),
        _op("LinearRegressor", linear_cost, sees_row),
        _op("SVMClassifier", support_cost, sees_row),
        _op("SVMRegressor", support_cost, sees_row),
        _op("TreeEnsemble", tree_cost, sees_row),
        _op("TreeEnsembleClassifier", tree_cost, sees_row),
        _op("TreeEnsembleRegressor", tree_cost, sees_row),
        _op("Normalizer", per_output(3), sees_row),
        _op("Binarizer", per_output(1), sees_first_input),
        _op("Imputer", per_output(1), sees_first_input),
        _op("Scaler", per_output(2), sees_first_input),
        _op("LabelEncoder", no_cost, sees_first_input),
        _op("CategoryMapper", no_cost, sees_first_input),
        _op("OneHotEncoder", no_cost, sees_first_input),
        _op("ArrayFeatureExtractor", no_cost, sees_chosen),
        _op("FeatureVectorizer", no_cost, sees_joined),
        _op("CastMap", no_cost, sees_map),
        _op("DictVectorizer", no_cost, sees_map),
        _op("ZipMap", no_cost, sees_row),
    )


def _op(name: str, cost: CostFacet, links: LinksFacet) -> Operator:
    return Operator(name, cost, saves_nothing, links, differentiable=False, domain=_DOMAIN)
