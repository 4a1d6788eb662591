"""Operators that are written out in steps do to a signal what the operator itself does."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from archlint.analysis.facts import Facts
from archlint.analysis.signal.signal import Signal
from archlint.engine.stored_numbers import StoredNumbers
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.ops.effect import Attends, Normalizes, Over, Shares
from archlint.ops.registry import operators
from archlint.target import Target

T = TypeVar("T")

HEAD = """<ir_version: 8, opset_import: ["" : 17]>
net (float[4, 20, 64] x) => (float[4, 20, 64] y)
<float[64, 64] w, float[64] g, float[64] b, float[20, 20] blocked, int64 next = {1},
 float eps = {1e-5}, float two = {2}, float one = {1},
 float half = {0.5}, float root = {1.41421356}, float inverse = {0.70710678},
 float three = {3}, float c = {0.044715}, float k = {0.79788456}, float lowest = {-1e9}>
"""


def facts(body: str, *, opset: int = 17) -> Facts:
    """Return the facts of a network whose input goes through a fresh weight to `h`."""
    steps = f"{{ h = MatMul(x, w)\n{body} }}"
    model = onnx.parser.parse_model(HEAD.replace('"" : 17', f'"" : {opset}') + steps)
    random = np.random.default_rng(0)
    fresh = {
        "w": random.normal(0, 3 / sqrt(64), (64, 64)),
        "g": np.ones(64),
        "b": np.zeros(64),
        "blocked": np.full((20, 20), -np.inf),
    }
    for name, numbers in fresh.items():
        if name not in {tensor.name for tensor in model.graph.initializer}:
            tensor = numpy_helper.from_array(numbers.astype(np.float32), name)
            model.graph.initializer.append(tensor)
    declared = {value.name for value in model.graph.input} - {"x"}
    for value in [each for each in model.graph.input if each.name in declared]:
        model.graph.input.remove(value)
    graph = build_graph(model, Bindings(None, {}))
    numbers = StoredNumbers(Path("net.onnx"), model, {})
    return Facts(graph, Target(weights="fresh"), operators(), numbers)


def made(body: str) -> Signal:
    return facts(body).propagation.signals["y"]


def effects(found: Facts, kind: type[T]) -> list[T]:
    """Return the effects of one kind in the graph of the signal."""
    every = (found.flow.effect(node) for node in found.flow.nodes)
    return [effect for effect in every if isinstance(effect, kind)]


LAYER_NORMS = {
    "an older exporter": """
        m = ReduceMean<axes = [-1]>(h)  d = Sub(h, m)  p = Pow(d, two)
        v = ReduceMean<axes = [-1]>(p)  e = Add(v, eps)  r = Sqrt(e)  n = Div(d, r)
        s = Mul(n, g)  y = Add(s, b)""",
    "a square by multiplication, a reciprocal": """
        m = ReduceMean<axes = [-1]>(h)  d = Sub(h, m)  p = Mul(d, d)
        v = ReduceMean<axes = [-1]>(p)  e = Add(eps, v)  r = Sqrt(e)  i = Reciprocal(r)
        n = Mul(d, i)  s = Mul(g, n)  y = Add(b, s)""",
    "everything twice": """
        m = ReduceMean<axes = [-1]>(h)  d = Sub(h, m)  m2 = ReduceMean<axes = [-1]>(h)
        d2 = Sub(h, m2)  p = Pow(d2, two)  v = ReduceMean<axes = [-1]>(p)  e = Add(v, eps)
        r = Sqrt(e)  n = Div(d, r)  s = Mul(n, g)  y = Add(s, b)""",
    "epsilon outside of the root": """
        m = ReduceMean<axes = [-1]>(h)  d = Sub(h, m)  p = Mul(d, d)
        v = ReduceMean<axes = [-1]>(p)  r = Sqrt(v)  e = Add(r, eps)  y = Div(d, e)""",
}
RMS_NORMS = {
    "a division": """
        p = Pow(h, two)  v = ReduceMean<axes = [-1]>(p)  e = Add(v, eps)  r = Sqrt(e)
        n = Div(h, r)  y = Mul(n, g)""",
    "a reciprocal root": """
        p = Mul(h, h)  v = ReduceMean<axes = [-1]>(p)  e = Add(v, eps)  r = Sqrt(e)
        i = Div(one, r)  n = Mul(h, i)  y = Mul(g, n)""",
    "a cast in between": """
        p = Pow(h, two)  v = ReduceMean<axes = [-1]>(p)  e = Add(v, eps)  r = Sqrt(e)
        i = Reciprocal(r)  n = Mul(h, i)  t = Cast<to = 1>(n)  y = Mul(g, t)""",
}


@pytest.mark.parametrize("body", LAYER_NORMS.values(), ids=list(LAYER_NORMS))
def test_a_layer_norm_in_steps(body: str) -> None:
    signal, whole = made(body), made("y = LayerNormalization(h, g, b)")
    assert signal.second_moment == pytest.approx(whole.second_moment)
    assert signal.band == pytest.approx(whole.band)
    assert signal.correlation == pytest.approx(whole.correlation)
    (norm,) = effects(facts(body), Normalizes)
    assert (norm.over, norm.centred) == (Over.FEATURES, True)


@pytest.mark.parametrize("body", RMS_NORMS.values(), ids=list(RMS_NORMS))
def test_a_root_mean_square_norm_in_steps(body: str) -> None:
    signal = made(body)
    assert signal.second_moment == pytest.approx(1.0)
    assert signal.band == pytest.approx((1.0, 1.0))
    (norm,) = effects(facts(body), Normalizes)
    assert (norm.over, norm.centred) == (Over.FEATURES, False)


def test_a_stream_that_is_added_is_no_shift() -> None:
    body = """
        m = ReduceMean<axes = [-1]>(h)  d = Sub(h, m)  p = Pow(d, two)
        v = ReduceMean<axes = [-1]>(p)  e = Add(v, eps)  r = Sqrt(e)  n = Div(d, r)
        s = Mul(n, g)  y = Add(s, x)"""
    found = facts(body)
    assert found.propagation.signals["s"].second_moment == pytest.approx(1.0)
    assert found.propagation.signals["y"].second_moment == pytest.approx(2.0)


GELUS = {
    "half first": "a = Mul(half, h) d = Div(h, root) f = Erf(d) u = Add(one, f) y = Mul(a, u)",
    "half last": "d = Mul(h, inverse) f = Erf(d) u = Add(f, one) a = Mul(h, u) y = Mul(a, half)",
    "half inside": "d = Div(h, root) f = Erf(d) u = Add(f, one) a = Mul(half, u) y = Mul(h, a)",
    "a power": """p = Pow(h, three) q = Mul(c, p) s = Add(h, q) z = Mul(k, s) t = Tanh(z)
        u = Add(one, t) a = Mul(half, h) y = Mul(a, u)""",
    "a product": """a = Mul(h, k) p = Mul(h, h) q = Mul(c, p) s = Add(one, q) z = Mul(a, s)
        t = Tanh(z) u = Add(one, t) j = Mul(half, h) y = Mul(j, u)""",
}


@pytest.mark.parametrize("body", GELUS.values(), ids=list(GELUS))
def test_a_gelu_in_steps_has_the_signal_of_a_gelu(body: str) -> None:
    found = facts(body)
    origin = found.flow.origins["y"]
    assert origin.activation is not None
    assert origin.activation.name == "Gelu"
    assert found.propagation.signals["y"].second_moment == pytest.approx(
        facts("y = Gelu(h)", opset=20).propagation.signals["y"].second_moment, rel=1e-3
    )


SCORES = "t = Transpose<perm = [0, 2, 1]>(h)  s = MatMul(h, t)"
CAUSAL = """
        shape = Constant<value_ints = [20, 20]>()
        full = ConstantOfShape<value = float[1] {-1e9}>(shape)  up = Constant<value_int = 1>()
        m = Trilu<upper = 1>(full, up)  z = Add(s, m)"""


def test_attention_with_a_causal_mask() -> None:
    steps = f"{SCORES} {CAUSAL} p = Softmax(z) y = MatMul(p, h)"
    found = facts(steps)
    (shares,) = effects(found, Shares)
    assert shares.causal
    assert found.flow.attends
    assert not effects(found, Attends)
    # The mask says nothing of the scale of the scores.
    signals = found.propagation.signals
    assert signals["z"].second_moment == signals["s"].second_moment


def test_the_shares_of_equal_scores() -> None:
    """At rest, a row of T shares has the mean square 1/T^2, a causal one the mean of 1/t over T."""
    steps = f"{SCORES} tiny = Mul(s, eps)"
    plain = facts(f"{steps} p = Softmax(tiny) y = MatMul(p, h)").propagation.signals["p"]
    assert plain.second_moment == pytest.approx(1 / 400, rel=1e-3)
    mask = CAUSAL.replace("Add(s, m)", "Add(tiny, m)")
    causal = facts(f"{steps} {mask} p = Softmax(z) y = MatMul(p, h)").propagation.signals["p"]
    harmonic = sum(1 / t for t in range(1, 21))
    assert causal.second_moment == pytest.approx(harmonic / 400, rel=0.02)


def test_what_is_added_to_the_variance_counts_where_that_is_small() -> None:
    """The second moment behind a norm is v / (v + epsilon)."""
    steps = "tiny = Mul(h, eps)  y = LayerNormalization<epsilon = 1e-5>(tiny, g, b)"
    found = facts(steps).propagation.signals
    variance = found["tiny"].second_moment
    assert found["y"].second_moment == pytest.approx(variance / (variance + 1e-5), rel=1e-3)


def test_a_mask_that_is_stored_whole() -> None:
    found = facts(f"{SCORES}  m = Trilu<upper = 1>(blocked, next)  z = Add(s, m)  y = Softmax(z)")
    (shares,) = effects(found, Shares)
    assert shares.causal
