"""The architecture language: YAML files that compile to ONNX models without weights."""

from archlint.frontends.architecture.architecture import Architecture
from archlint.frontends.architecture.compiler import compile_architecture

__all__ = ["Architecture", "compile_architecture"]
