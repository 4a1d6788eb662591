"""The examples in rule manuals, as tests.

@pytest.mark.parametrize("example", manual_examples([MyRule]), ids=str)
def test_manual(example):
    check_example(example)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.manual import Example, read_manual
from archlint.testing.lint import lint_model, lint_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archlint.findings import Finding
    from archlint.rule import Rule


class ManualExample(Struct, frozen=True):
    """One example of one rule's manual; its text is the test's name."""

    rule: type[Rule]
    example: Example

    def __str__(self) -> str:
        """Say which example it is."""
        word = "fails" if self.example.fails else "passes"
        return f"{self.rule.code}-line-{self.example.line}-{word}"


def manual_examples(rules: Iterable[type[Rule]]) -> list[ManualExample]:
    """Return every example in the manuals of `rules`."""
    return [
        ManualExample(rule, example) for rule in rules for example in read_manual(rule).examples
    ]


def check_manual(rule: type[Rule]) -> None:
    """Check that a rule has a manual, with an example that fails and one that passes.

    Raises `AssertionError` otherwise.
    """
    manual = read_manual(rule)
    if manual.path is None:
        raise AssertionError(f"{rule.code} has no manual beside its module")
    if not manual.text.startswith(f"# {rule.code} {rule.name}\n"):
        raise AssertionError(f"{manual.path}: the first line is not `# {rule.code} {rule.name}`")
    if {example.fails for example in manual.examples} != {True, False}:
        raise AssertionError(
            f"{manual.path}: a manual has a block that fails and one that passes, "
            "`yaml fails` and `yaml passes`, or the same with `onnx`"
        )


def check_example(case: ManualExample) -> None:
    """Run a rule on an example of its manual.

    Raises `AssertionError` where the example does not do what the manual says: a failing one has
    a finding of the rule for each expected text and a passing one has none; neither is broken.
    """
    findings = _lint(case)
    broken = [finding for finding in findings if finding.code != case.rule.code]
    if broken:
        raise AssertionError(f"{case}: the example itself is wrong: {_said(broken)}")
    if not case.example.fails and findings:
        raise AssertionError(f"{case}: expected no finding, got {_said(findings)}")
    if case.example.fails and not findings:
        raise AssertionError(f"{case}: expected a finding, got none")
    for text in case.example.expected:
        if not any(text in finding.message for finding in findings):
            raise AssertionError(f"{case}: expected {text!r}, got {_said(findings)}")


def _lint(case: ManualExample) -> list[Finding]:
    if case.example.language == "yaml":
        return lint_text(case.example.text, [case.rule])
    from onnx.parser import parse_model

    return lint_model(parse_model(case.example.text), [case.rule], dict(case.example.target))


def _said(findings: list[Finding]) -> str:
    return "; ".join(f"{finding.code} {finding.message}" for finding in findings)
