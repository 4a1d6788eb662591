"""Shapes of contributed operators: onnxruntime's, which onnx's own inference does not know."""
