"""Composites: framework operators that exporters write as several ONNX operators."""
