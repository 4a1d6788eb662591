"""The operators of the ONNX standard, one file per family."""
