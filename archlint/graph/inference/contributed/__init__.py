"""Shape inference of onnxruntime's contributed operators, which onnx does not know."""
