"""The setup of a run: plugins, configurations and command-line settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.config.selection import Selection
from archlint.engine.own_rules import own_rules
from archlint.errors import CannotRun, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from archlint.config.layer import Layer
    from archlint.engine.configs import Configs
    from archlint.registry import Registry
    from archlint.rule import Rule
    from archlint.target import Target


class Project:
    """Provides the target of each file, and the rules that run on it."""

    def __init__(
        self,
        registry: Registry,
        configs: Configs,
        command_line: Layer | None = None,
        selection: Selection | None = None,
    ) -> None:
        self.registry = registry
        self.configs = configs
        self._command_line = command_line
        self._selection = selection
        configs.learn(registry.devices)
        if selection is not None:
            self._check_words(selection)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of all plugins and what archlint reports itself, in order of their codes."""
        return tuple(sorted((*self.registry.rules, *own_rules()), key=lambda rule: rule.code))

    def target(self, path: Path, document: object = None) -> Target:
        """Return the target of the model in `path`; `document` is the file's own section."""
        return self.configs.of(path).target_for(path, document, self._command_line)

    def selection(self, path: Path) -> Selection:
        """Return the selection of rules for `path`."""
        return self.configs.of(path).selection_for(path, self._selection)

    def check(self, paths: Iterable[Path]) -> None:
        """Raise `CannotRun` if the configuration of `paths` names rules that do not exist."""
        files = list(paths)
        self.configs.check_plugins(files)
        for config in {id(config): config for config in map(self.configs.of, files)}.values():
            for selection in (config.selection, *(each.selection for each in config.per_file)):
                self._check_words(selection, config.path)

    def _check_words(self, selection: Selection, path: Path | None = None) -> None:
        rules = self.rules
        for word in selection.words:
            alone = Selection(select=(word,))
            if not any(alone.includes(rule.code, rule.name) for rule in rules):
                families = dict.fromkeys(rule.code.rstrip("0123456789") for rule in rules)
                known = [*families, *(name for rule in rules for name in (rule.code, rule.name))]
                where = f"{path}: " if path else ""
                near = did_you_mean(word, known) or "; `archlint rule` lists all"
                raise CannotRun(f"{where}unknown rule {word!r}{near}")
