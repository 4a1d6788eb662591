"""One setting, and tables that look settings up by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.config.error import ConfigError, Errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.config.kind import Kind

_MOST_MEANT = 3


class Setting(Struct, frozen=True):
    """Something that a user can set: its dotted key, the kind of its value, and its description.

    `also` are alternative keys for the same thing: the names of command-line flags are valid keys.
    """

    key: str
    kind: Kind
    doc: str
    also: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that names this setting, its own first."""
        return (self.key, *self.also)

    @property
    def bare(self) -> str:
        """The key without its sections."""
        return self.key.rpartition(".")[2]

    def speaks_of(self, word: str) -> bool:
        """Whether `word` is a part of the bare key, or its initials, such as `lr`."""
        parts = self.bare.split("-")
        return word in parts or word == "".join(part[:1] for part in parts)


class Table(Struct, frozen=True):
    """A group of settings that can be stated together."""

    settings: tuple[Setting, ...]

    @classmethod
    def of(cls, *settings: Setting) -> Table:
        """Return the table of `settings`."""
        return cls(settings)

    def __add__(self, other: Table) -> Table:
        """Return the settings of both."""
        return Table(self.settings + other.settings)

    def find(self, key: str) -> Setting | None:
        """Return the setting with this dotted key."""
        return next((setting for setting in self.settings if key in setting.keys), None)

    def is_section(self, key: str) -> bool:
        """Whether `key` is a section."""
        return any(name.startswith(f"{key}.") for name in self._keys())

    def read(self, data: object, extra: tuple[str, ...] = ()) -> dict[str, object]:
        """Return the typed values in nested plain data, by the dotted keys of their settings.

        Keys in `extra` are left to the caller. Raises `ConfigError` for unknown keys, values of
        the wrong kind, and settings that are given twice under different keys, all together.
        """
        errors = Errors()
        values = self.read_on(data, errors, extra)
        errors.check()
        return values

    def read_on(
        self, data: object, errors: Errors, extra: tuple[str, ...] = ()
    ) -> dict[str, object]:
        """Read like `read`; `errors` collects problems."""
        values: dict[str, object] = {}
        with errors.at():
            self._read(data, "", extra, values, errors)
        return values

    def look_up(self, key: str) -> Setting:
        """Return the setting with this dotted key, or with this bare key if only one has it."""
        found = self.find(key)
        if found:
            return found
        named = [setting for setting in self.settings if setting.bare == key]
        if len(named) == 1:
            return named[0]
        if named:
            meant = " or ".join(setting.key for setting in named)
            raise ConfigError("the key is ambiguous", key=(key,), help=f"write {meant}")
        raise self._unknown(key, ())

    def _read(
        self,
        data: object,
        section: str,
        extra: tuple[str, ...],
        values: dict[str, object],
        errors: Errors,
    ) -> None:
        if not isinstance(data, Mapping):
            raise ConfigError("expected a table of settings", key=_split(section))
        for name, value in data.items():
            if not section and name in extra:
                continue
            key = f"{section}.{name}" if section else str(name)
            setting = self.find(key)
            with errors.at():
                if setting is not None:
                    _put(values, setting, key, value)
                elif self.is_section(key):
                    self._read(value, key, (), values, errors)
                else:
                    raise self._unknown(key, extra)

    def _unknown(self, key: str, extra: tuple[str, ...]) -> ConfigError:
        """Return the error for a key that is not known, with the nearest that is."""
        from difflib import get_close_matches

        section, _, bare = key.rpartition(".")
        known = {name.partition(".")[0]: name.partition(".")[0] for name in self._keys()}
        known |= {name: name for name in extra}
        known |= {setting.bare: setting.key for setting in self.settings}
        # The same section last: it is preferred over equal keys in other sections.
        known |= {
            name.removeprefix(f"{section}."): name
            for name in self._keys()
            if section and name.startswith(f"{section}.")
        }
        near = [known[name] for name in get_close_matches(bare, known, n=1)]
        near = near or [setting.key for setting in self.settings if setting.speaks_of(bare)]
        if not near:
            more = "`archlint schema config` has all settings"
            return ConfigError("unknown setting", key=_split(key), help=more, unknown=True)
        meant = " or ".join(repr(name) for name in near[:_MOST_MEANT])
        return ConfigError(f"unknown setting: did you mean {meant}?", key=_split(key), unknown=True)

    def _keys(self) -> Iterator[str]:
        return (name for setting in self.settings for name in setting.keys)


def _put(values: dict[str, object], setting: Setting, key: str, value: object) -> None:
    try:
        read = setting.kind.read(value)
    except ConfigError as error:
        raise error.below(*_split(key)) from None
    if values.setdefault(setting.key, read) != read:
        raise ConfigError(f"contradicts {setting.key}", key=_split(key))


def _split(key: str) -> tuple[str, ...]:
    return tuple(key.split(".")) if key else ()
