"""Front ends: convert each file format to an ONNX ModelProto without weights."""
