"""What the README and the other pages show is what archlint prints."""

import re
import shlex
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
def test_shown_outputs_equal_real_ones(arguments, output):
    command = (sys.executable, "-m", "archlint", *arguments.split())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == output


SHELL = re.findall(r"^```sh\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("   #")[0].replace("$net", "examples/wrong/short_sighted.arch.yaml")
    for block in SHELL
    for line in block.splitlines()
    if line.startswith("archlint ")
]
EXTRAS = {"--plot": "matplotlib", "--verify": "onnxruntime"}


@pytest.mark.parametrize("line", COMMANDS)
def test_shown_commands_succeed(line, tmp_path):
    for flag, extra in EXTRAS.items():
        if flag in line:
            pytest.importorskip(extra)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    command = (sys.executable, "-m", *shlex.split(line))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode < 2, done.stderr


def test_what_the_commands_name_is_said():
    assert len(COMMANDS) >= 7
    assert any("net=examples/wrong/short_sighted.arch.yaml" in block for block in SHELL)


ARCHITECTURES = [
    text
    for page in PAGES
    for text in re.findall(r"^```yaml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    if "archlint: 1" in text
]


@pytest.mark.parametrize("text", ARCHITECTURES)
def test_architectures_can_be_pasted_and_are_clean(text, tmp_path):
    (tmp_path / "net.arch.yaml").write_text(text, encoding="utf-8")
    command = (sys.executable, "-m", "archlint", "check", "net.arch.yaml")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


CONFIGURATIONS = [
    text
    for page in PAGES
    for text in re.findall(r"^```toml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    if not text.startswith("[project")
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_configurations_can_be_pasted(text, tmp_path):
    (tmp_path / "archlint.toml").write_text(text, encoding="utf-8")
    command = (sys.executable, "-m", "archlint", "check", ".")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.startswith("archlint: no file to check: ")


def test_shown_counts_equal_real_ones():
    shown = re.findall(r"^```\n(archlint: found .*\n)```$", README, flags=re.MULTILINE)
    command = (sys.executable, "-m", "archlint", "check", "examples/wrong")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown == [done.stderr]


def test_readme_shows_outputs():
    assert len(SHOWN) >= 3


def test_every_rule_is_listed_with_its_summary():
    table = {
        f"| `{rule.code}` | {rule.name} | {rule.severity} | {rule.summary()} |"
        for rule in (*archlint_rules(), *own_rules())
    }
    listed = {line for line in README.splitlines() if line.startswith("| `")}
    assert listed == table
