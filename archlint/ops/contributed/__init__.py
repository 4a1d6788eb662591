"""Contributed operators: those of onnxruntime's optimizer and quantizer."""
