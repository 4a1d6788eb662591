"""Helpers for testing rules: lint a text or a model, and run the examples of a manual."""

from archlint.testing.examples import ManualExample, check_example, check_manual, manual_examples
from archlint.testing.lint import lint_file, lint_model, lint_text

__all__ = [
    "ManualExample",
    "check_example",
    "check_manual",
    "lint_file",
    "lint_model",
    "lint_text",
    "manual_examples",
]
