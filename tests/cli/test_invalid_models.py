"""A model that cannot run is never answered with silence."""

import pytest
from onnx.parser import parse_model

HEAD = '<ir_version: 8, opset_import: ["" : {opset}]>\nnet '

MODELS = {
    "inner sizes": (17, "(float[2,3] x, float[4,5] w) => (float[2,5] y) { y = MatMul (x, w) }"),
    "channels": (
        17,
        "(float[1,3,8,8] x, float[4,4,3,3] w) => (float[1,4,6,6] y) { y = Conv (x, w) }",
    ),
    "channels, transposed": (
        17,
        "(float[1,3,8,8] x, float[4,4,3,3] w) => (float[1,4,9,9] y) { y = ConvTranspose (x, w) }",
    ),
    "missing input": (17, "(float[2,3] x) => (float[2,3] y) { y = MatMul (x) }"),
    "unknown attribute": (17, "(float[2,3] x) => (float[2,3] y) { y = Relu <foo=3> (x) }"),
    "repeated axis": (17, "(float[2,3] x) => (float[2,3] y) { y = Transpose <perm=[0,0]> (x) }"),
    "opset of the future": (99, "(float[2,3] x) => (float[2,3] y) { y = Relu (x) }"),
}


@pytest.mark.parametrize("name", MODELS)
def test_invalid_models_fail_the_check(name, folder, archlint):
    opset, graph = MODELS[name]
    model = parse_model(HEAD.format(opset=opset) + graph)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    result = archlint("check", "model.onnx")
    assert result.code == 1
    assert any(code in result.out for code in ("ARCH007", "FILE001", "FILE006"))
