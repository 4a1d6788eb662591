"""The operators of the ONNX standard, a file a family."""
