"""Operators that are not of the standard: those of onnxruntime's optimizer and quantizer."""
