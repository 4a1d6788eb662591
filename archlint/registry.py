"""Everything that plugins contribute to a run, validated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field

from archlint.errors import CannotRun
from archlint.findings import Severity
from archlint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint

    from archlint.devices.device import Device
    from archlint.frontends.frontend import Frontend
    from archlint.ops.operator import Operator
    from archlint.report.reporter import Reporter

T = TypeVar("T")

_CODE = re.compile(r"([A-Z]+)[0-9]{3}")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Plugin(Struct, frozen=True):
    """A plugin that was loaded; `entry` declares it, None for a local file."""

    name: str
    entry: EntryPoint | None = None

    @property
    def origin(self) -> str:
        """Its package and version, read on demand because the lookup is slow."""
        if self.entry is None:
            return "local file"
        package = self.entry.dist
        return f"{package.name} {package.version}" if package else self.entry.value


class Contribution(Struct, frozen=True):
    """What one plugin gave for one hook."""

    plugin: str
    hook: str
    items: tuple[Any, ...]


class Registry(Struct, frozen=True):
    """What all plugins add: rules by code, in order of their codes, and the rest."""

    plugins: tuple[Plugin, ...] = ()
    rules: tuple[Rule, ...] = ()
    operators: tuple[Operator, ...] = ()
    frontends: tuple[Frontend, ...] = ()
    devices: tuple[Device, ...] = ()
    reporters: tuple[Reporter, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)


class InvalidPlugin(CannotRun):
    """Raised for a plugin that returns something invalid."""


def register(plugins: Mapping[str, Plugin], contributions: Iterable[Contribution]) -> Registry:
    """Validate and combine the contributions of all plugins.

    Raises `InvalidPlugin`, naming the plugin, or both plugins that collide.
    """
    given = list(contributions)
    classes = _RuleClasses()
    for contribution in given:
        if contribution.hook == "archlint_rules":
            for item in contribution.items:
                classes.add(contribution.plugin, item)
    return Registry(
        plugins=tuple(plugins.values()),
        rules=classes.instances(),
        operators=_typed(given, "archlint_ops"),
        frontends=_typed(given, "archlint_frontends"),
        devices=_typed(given, "archlint_devices"),
        reporters=_typed(given, "archlint_reporters"),
        owners=classes.owners,
    )


class _RuleClasses:
    """Collects rule classes: codes and names are unique, and a prefix belongs to one plugin."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self._rules: dict[str, Rule] = {}
        self._names: dict[str, str] = {}
        self._prefixes: dict[str, str] = {"LINT": "archlint"}

    def add(self, plugin: str, item: object) -> None:
        rule = _rule(plugin, item)
        prefix = rule.code.rstrip("0123456789")
        owner = self._prefixes.setdefault(prefix, plugin)
        if rule.code in self._rules:
            other = self.owners[rule.code]
            raise InvalidPlugin(f"rule {rule.code} is given twice: by {other!r} and by {plugin!r}")
        if owner != plugin:
            raise InvalidPlugin(
                f"plugin {plugin!r} gives rule {rule.code}, but codes with {prefix} "
                f"belong to {owner!r}"
            )
        if rule.name in self._names:
            other = self._names[rule.name]
            raise InvalidPlugin(
                f"rules {other} ({self.owners[other]!r}) and {rule.code} ({plugin!r}) "
                f"have the same name {rule.name!r}"
            )
        self._rules[rule.code] = rule
        self._names[rule.name] = rule.code
        self.owners[rule.code] = plugin

    def instances(self) -> tuple[Rule, ...]:
        return tuple(self._rules[code] for code in sorted(self._rules))


def _rule(plugin: str, item: object) -> Rule:
    """Return an instance of the rule class `item`; raises `InvalidPlugin` if it is invalid."""
    if not (isinstance(item, type) and issubclass(item, Rule)):
        raise InvalidPlugin(f"plugin {plugin!r} gives {item!r}, which is not a Rule class")
    wrong = _defects(item)
    if wrong:
        raise InvalidPlugin(f"plugin {plugin!r}: rule class {item.__qualname__} {wrong}")
    try:
        return item()
    except Exception as error:
        raise InvalidPlugin(
            f"plugin {plugin!r}: rule class {item.__qualname__} cannot be made: "
            f"{type(error).__name__}: {error}"
        ) from error


def _defects(rule: type[Rule]) -> str:
    """Return what is wrong with a rule class; empty where nothing is."""
    code, name = getattr(rule, "code", None), getattr(rule, "name", None)
    if not (isinstance(code, str) and _CODE.fullmatch(code)):
        return f"needs a code of letters and three digits, as ACME001, not {code!r}"
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        return f"needs a name of words with hyphens, as kernel-too-wide, not {name!r}"
    if not isinstance(rule.severity, Severity):
        return f"needs a Severity, not {rule.severity!r}"
    if rule.check is Rule.check:
        return "has no check(self, model)"
    if not rule.summary():
        return "has no docstring, whose first line is its summary"
    return ""


def _typed(given: Iterable[Contribution], hook: str) -> tuple[Any, ...]:
    """Return the items of one hook; each must be what the hook is for."""
    items: list[Any] = []
    for contribution in given:
        if contribution.hook != hook:
            continue
        wanted = _wanted(hook)
        for item in contribution.items:
            if not isinstance(item, wanted):
                raise InvalidPlugin(
                    f"plugin {contribution.plugin!r} gives {item!r} in {hook}(), "
                    f"which is not {_article(wanted.__name__)}"
                )
            items.append(item)
    return tuple(items)


def _wanted(hook: str) -> type:
    """Return the type of the items of `hook`, imported only when a plugin contributes some."""
    if hook == "archlint_ops":
        from archlint.ops.operator import Operator

        return Operator
    if hook == "archlint_frontends":
        from archlint.frontends.frontend import Frontend

        return Frontend
    if hook == "archlint_devices":
        from archlint.devices.device import Device

        return Device
    from archlint.report.reporter import Reporter

    return Reporter


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIOU' else 'a'} {noun}"
