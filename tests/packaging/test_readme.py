"""What the README and the other pages show is what archlint prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from archlint.engine.own_rules import own_rules
from archlint_rules import archlint_rules

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(page.read_text(encoding="utf-8") for page in sorted(ROOT.glob("docs/*.md")))]
SHOWN = [
    shown
    for page in PAGES
    for shown in re.findall(r"^```\n\$ archlint (.*)\n((?:.*\n)*?)```$", page, flags=re.MULTILINE)
]


@pytest.mark.parametrize(("arguments", "output"), SHOWN, ids=[shown[0] for shown in SHOWN])
def test_output_is_real(arguments, output):
    command = (sys.executable, "-m", "archlint", *arguments.split())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == output


def test_the_last_line_is_real():
    shown = re.findall(r"^```\n(archlint: found .*\n)```$", README, flags=re.MULTILINE)
    command = (sys.executable, "-m", "archlint", "check", "examples/wrong")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown == [done.stderr]


def test_outputs_are_shown():
    assert len(SHOWN) >= 3


def test_every_rule_is_listed_with_its_summary():
    table = {
        f"| `{rule.code}` | {rule.name} | {rule.severity} | {rule.summary()} |"
        for rule in (*archlint_rules(), *own_rules())
    }
    listed = {line for line in README.splitlines() if line.startswith("| `")}
    assert listed == table
