"""From the nodes of an ONNX model to plain objects."""
