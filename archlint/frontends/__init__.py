"""Documents to ONNX models: one representation for every format."""
