"""Plugins are found through the entry point, and a broken one is an error that names it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archlint.engine.configs import Configs
from archlint.errors import CannotRun
from archlint.plugins import load_plugins

Install = Callable[[str, str], None]

EXAMPLE = Path(__file__).parents[2] / "example_plugin"

RULE = '''
"""A plugin."""
from archlint.api import Rule, hookimpl

class Odd(Rule):
    """Something is odd."""
    code, name = {code!r}, {name!r}
    def check(self, model):
        return []

@hookimpl
def archlint_rules():
    return [Odd]
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a module and its entry point on the path, as an installed package would be."""
    monkeypatch.syspath_prepend(tmp_path)
    names: list[str] = []

    def put(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[archlint]\n{name} = {name}\n")
        names.append(name)

    yield put
    for name in names:
        sys.modules.pop(name, None)


def test_built_in_rules_come_through_their_entry_point() -> None:
    registry = load_plugins()
    assert "archlint_rules" in [plugin.name for plugin in registry.plugins]
    assert registry.owners["ARCH006"] == "archlint_rules"


def test_example_plugin_adds_its_rule(install: Install) -> None:
    install("archlint_acme", (EXAMPLE / "archlint_acme.py").read_text(encoding="utf-8"))
    registry = load_plugins()
    rule = next(rule for rule in registry.rules if rule.code == "ACME001")
    assert rule.summary() == "A sigmoid saturates, and hidden layers train slowly"
    assert registry.owners["ACME001"] == "archlint_acme"
    assert any(plugin.origin == "archlint_acme 1.0" for plugin in registry.plugins)


def test_example_plugin_as_a_local_file(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "archlint_acme.py", tmp_path / "acme.py")
    registry = load_plugins([tmp_path / "acme.py"])
    assert "ACME001" in [rule.code for rule in registry.rules]


def test_missing_built_in_rules_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archlint.plugins.entry_points", lambda **_: [])
    with pytest.raises(CannotRun, match="built-in rules are not installed"):
        load_plugins()


def test_a_local_plugin_that_is_missing_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"gone\.py does not exist"):
        load_plugins([tmp_path / "gone.py"])


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_module_anywhere", "'broken' .* could not be imported: ModuleNotFound"),
        ("x = 1", "'broken' .* adds nothing"),
        (RULE.format(code="odd1", name="odd"), "Odd needs a code"),
        (RULE.format(code="ODD001", name="Odd Rule"), "Odd needs a name"),
        (RULE.format(code="ARCH999", name="odd"), "ARCH belong to 'archlint_rules'"),
        (RULE.format(code="LINT999", name="odd"), "LINT belong to 'archlint'"),
        (RULE.format(code="ARCH006", name="odd"), "ARCH006 is given twice"),
        (RULE.format(code="ODD001", name="dead-code"), "ARCH006 .* the same name"),
        (RULE.format(code="ODD001", name="odd") + "raise OSError('x')", "imported: OSError: x"),
        (RULE.format(code="ODD001", name="odd") + "raise SystemExit(0)", "imported: SystemExit"),
        (RULE.format(code="ODD001", name="odd").replace("[Odd]", "[3]"), "3, which is not a Rule"),
        (RULE.format(code="ODD001", name="odd").replace("[Odd]", "3"), "failed in archlint_rules"),
        (RULE.format(code="ODD001", name="odd").replace("def check", "def chekc"), "no check"),
        (
            RULE.format(code="ODD001", name="odd").replace("archlint_rules", "archlint_rulez"),
            "hook",
        ),
        (RULE.format(code="O001", name="odd").replace('"""Something is odd."""', ""), "docstring"),
        (
            "from archlint.api import hookimpl\n@hookimpl\ndef archlint_devices():\n    return [1]",
            "which is not a Device",
        ),
        (
            "from archlint.api import hookimpl\n@hookimpl\ndef archlint_ops():\n    return [1]",
            "which is not an Operator",
        ),
    ],
)
def test_broken_plugin_is_named(install: Install, source: str, says: str) -> None:
    install("broken", source)
    with pytest.raises(CannotRun, match=says) as error:
        load_plugins()
    assert "broken" in str(error.value)


def test_prefix_belongs_to_one_plugin(install: Install) -> None:
    install("first", RULE.format(code="ODD001", name="odd"))
    install("second", RULE.format(code="ODD002", name="odder"))
    with pytest.raises(CannotRun, match=r"'second' gives rule ODD002.* belong to 'first'"):
        load_plugins()


def test_devices_of_plugins_are_known(install: Install, tmp_path: Path) -> None:
    install(
        "boards",
        "from archlint.api import Device, hookimpl\n"
        "@hookimpl\ndef archlint_devices():\n    return [Device('acme-board', 'mcu')]",
    )
    configs = Configs()
    configs.learn(load_plugins().devices)
    assert configs.of(tmp_path).devices["acme-board"].kind == "mcu"
