import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

import archlint_rules as package
from archlint.api import Rule
from archlint.config.loading import load_config
from archlint.manual import read_manual
from archlint.testing import check_example, check_manual, manual_examples
from archlint_rules import archlint_rules


@pytest.mark.parametrize("example", manual_examples(archlint_rules()), ids=str)
def test_the_examples_of_a_manual_do_what_it_says(example):
    check_example(example)


@pytest.mark.parametrize("rule", archlint_rules(), ids=lambda rule: rule.code)
def test_a_manual_shows_what_fails_and_what_passes(rule):
    check_manual(rule)
    failing = [example for example in read_manual(rule).examples if example.fails]
    assert all(example.expected for example in failing), "an example says what is found"


MANUALS = [read_manual(rule) for rule in archlint_rules()]
SETTINGS = [
    pytest.param(text, id=manual.path.stem)
    for manual in MANUALS
    for text in re.findall(r"^```toml\n(.*?)^```", manual.text, flags=re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_in_a_manual_can_be_read(text, tmp_path):
    (tmp_path / "archlint.toml").write_text(text, encoding="utf-8")
    assert load_config(None, tmp_path).path


def test_no_manual_speaks_of_what_a_reader_cannot_know():
    assert [each.path for each in MANUALS if "problem set" in each.text] == []


def test_every_rule_has_a_manual_and_is_found():
    given = {(rule.__module__, rule.__qualname__) for rule in archlint_rules()}
    written = {
        (module.name, name)
        for module in walk_packages(package.__path__, "archlint_rules.")
        for name, item in vars(import_module(module.name)).items()
        if isinstance(item, type) and issubclass(item, Rule) and item.__module__ == module.name
    }
    assert given == written


@pytest.mark.parametrize("rule", archlint_rules(), ids=lambda rule: rule.code)
def test_a_rule_is_found_by_its_name(rule):
    words = rule.name.split("-")
    assert rule.__module__.rpartition(".")[2] == "_".join(words)
    assert rule.__qualname__ == "".join(word.capitalize() for word in words)
