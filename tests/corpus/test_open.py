"""Formulas of whole networks with open dimensions hold at sizes that they were not fitted at.

The published multiply-accumulates of an image, and closed forms of the exports in `open/`, which
`export_open.py` writes.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archlint.analysis.facts import Facts
from archlint.analysis.formulas.formulas import Formulas
from archlint.analysis.formulas.samples import Samples
from archlint.frontends.architecture import compile_architecture
from archlint.frontends.onnx import load_onnx
from archlint.graph.build import build_graph
from archlint.graph.dimensions.bindings import Bindings
from archlint.graph.dimensions.open_dims import open_dims, with_sizes
from archlint.ops.registry import operators
from archlint.sources.yaml_document import read_yaml
from archlint.target import Target, Training

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
EXPORTS = sorted((HERE / "open").glob("*.onnx"))
MODELS = [*sorted(EXAMPLES.glob("*.arch.yaml")), *EXPORTS]

# Multiply-accumulates of one image of 224 x 224, to the digits that are published.
GIGA_MACS = {"resnet50": "4.089", "vgg16": "15.470", "mobilenet_v2": "0.301"}

# By the powers of the batch and of the lengths. The encoder has two layers of width 8 over 16:
# 4 * 8^2 + 2 * 8 * 16 each, 3 classes, and two products of all positions by all others.
CLOSED_FORMS = {
    "encoder": {(1, 2): 2 * 2 * 8, (1, 1): 2 * (4 * 8 * 8 + 2 * 8 * 16) + 8 * 3},
    # 3x3 convolutions at 1, 1/4 and 1/16 of the places, and 2x2 transposed ones back.
    "unet": {
        (1, 1, 1): 9 * (3 * 4 + 8 * 4) + 4
        + (9 * (4 * 6 + 12 * 6) + 4 * 6 * 4) // 4
        + (9 * 6 * 8 + 4 * 8 * 6) // 16
    },
    # At every second place, a kernel of 3, and four gates of an LSTM.
    "recurrent": {(1, 1): (3 * 4 * 6 + 4 * 5 * (6 + 5)) // 2},
}  # fmt: skip

AMOUNTS = {
    "forward": lambda facts: facts.compute.forward_macs,
    "training": lambda facts: facts.compute.training_flops,
    "elementwise": lambda facts: facts.compute.elementwise_flops,
    "saved": lambda facts: facts.saved.total,
    "inference peak": lambda facts: facts.inference_memory.peak,
    "training peak": lambda facts: facts.training_memory.peak,
}


def load(path):
    """Return the formulas of a model; its examples leave out the batch that their target names."""
    if path.suffix == ".onnx":
        model = load_onnx(path).model
    else:
        model = compile_architecture(read_yaml(path), path.parent).model
    known, target = operators(), Target(training=Training(optimizer="adam", loss="mse"))
    facts = Facts(build_graph(model), target, known)
    dims = open_dims(facts.graph)

    def bind(point):
        bindings = with_sizes(Bindings(), dict(zip(dims, point, strict=True)))
        return Facts(build_graph(model, bindings), target, known)

    return Formulas(Samples(facts, dims, bind))


@pytest.fixture(scope="module", params=MODELS, ids=lambda path: path.name)
def formulas(request):
    return load(request.param)


@settings(deadline=None, max_examples=5)
@given(data=st.data())
def test_a_formula_has_the_value_of_the_bound_model(formulas, data):
    found = {name: formulas.of(measure) for name, measure in AMOUNTS.items()}
    # What an LSTM keeps is rounded up to pages; a peak goes from one moment to another.
    has_pages = any(node.op == "LSTM" for node in formulas.samples.some.graph.nodes)
    may_be_unknown = {"training peak", "saved"} if has_pages else {"training peak"}
    assert {name for name, formula in found.items() if formula.low is None} <= may_be_unknown
    domain = zip(*(formula.domain for formula in found.values() if formula.low), strict=True)
    point = tuple(
        data.draw(st.integers(0, 700)) * own[0].step + max(each.smallest for each in own)
        for own in domain
    )
    facts = formulas.samples.bind(point)
    for name, formula in found.items():
        if formula.low is not None:
            amount = AMOUNTS[name](facts)
            assert amount.complete, name
            ends = (formula.low.at(point), formula.high.at(point))
            assert ends == (amount.low, amount.high), name


@pytest.mark.parametrize(("name", "giga"), GIGA_MACS.items())
def test_multiply_accumulates_are_the_published_ones_times_the_batch(name, giga):
    formula = load(EXAMPLES / f"{name}.arch.yaml").of(AMOUNTS["forward"])
    (powers, factor), *rest = formula.low.terms.items()
    assert (powers, rest) == ((1,), [])
    assert f"{float(factor / 10**9):.3f}" == giga


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.name)
def test_exports_have_their_closed_form(path):
    formula = load(path).of(AMOUNTS["forward"])
    assert formula.unknown == ()
    assert formula.low.terms == CLOSED_FORMS[path.name.partition(".")[0]]
    assert {sizes.largest for sizes in formula.domain} == {None}
