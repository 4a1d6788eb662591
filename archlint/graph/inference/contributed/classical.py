"""Output shapes of ai.onnx.ml operators that onnx's inference leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archlint.graph.dtype import DType
from archlint.graph.inference.contributed.given import Given, Made, Outputs, Rule, total
from archlint.graph.value import Dim, Shape

_CLASSES = ("classlabels_int64s", "classlabels_ints", "classlabels_strings")


def _samples(given: Given) -> Shape | None:
    """Return the number of rows, as a shape; a single row of features counts as one."""
    shape = given.shape(0)
    if not shape:
        return None
    return (shape[0],) if len(shape) > 1 else (1,)


def _scores(given: Given, count: Dim) -> Made:
    samples = _samples(given)
    return Made(None if samples is None else (*samples, count), DType.FLOAT32)


def scaled(given: Given) -> Outputs:
    """The shape of the input, as floats."""
    return (Made(given.shape(0), DType.FLOAT32),)


def filled(given: Given) -> Outputs:
    """The shape and type of the input, whose missing values are imputed."""
    return (Made(given.shape(0), given.dtype(0)),)


def joined(given: Given) -> Outputs:
    """The features of all inputs, concatenated."""
    count = total(*(given.dim(slot, -1) for slot in range(len(given.node.inputs))))
    return (_scores(given, count),)


def targets(attribute: str, default: int | None = 1) -> Rule:
    """Return the rule of a regression, whose targets an attribute counts."""

    def rule(given: Given) -> Outputs:
        return (_scores(given, given.integer(attribute, default)),)

    return rule


def classified(given: Given) -> Outputs:
    """A label and the scores of all classes for each sample."""
    labels = next((name for name in _CLASSES if given.node.attributes.get(name)), "")
    known = given.node.attributes.get(labels)
    count = len(known) if isinstance(known, tuple) else None
    dtype = DType.STRING if labels.endswith("strings") else DType.INT64
    return Made(_samples(given), dtype), _scores(given, count)


CLASSICAL: Mapping[str, Rule] = MappingProxyType(
    {
        "FeatureVectorizer": joined,
        "Imputer": filled,
        "LinearClassifier": classified,
        "LinearRegressor": targets("targets"),
        "Normalizer": scaled,
        "SVMClassifier": classified,
        "SVMRegressor": targets("", 1),
        "Scaler": scaled,
        "TreeEnsembleClassifier": classified,
        "TreeEnsembleRegressor": targets("n_targets"),
    }
)
"""The rules of ai.onnx.ml operators by name."""
