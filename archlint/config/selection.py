"""Which rules run: selections and ignores by code, family or name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

EVERYTHING = "ALL"
_EXACT = 1000  # weighs more than the longest family


class Selection(Struct, frozen=True):
    """The rules that were asked for; `select` is None where nothing says which rules to run."""

    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Every code, family and name that is mentioned, to be checked against the rules."""
        return tuple(dict.fromkeys((*(self.select or ()), *self.extend_select, *self.ignore)))

    def over(self, under: Selection) -> Selection:
        """Return this selection merged over `under`: a `select` replaces, the others accumulate.

        A rule that was ignored below and is selected here by its code or name runs again.
        """
        chosen = {*(self.select or ()), *self.extend_select}
        kept = tuple(word for word in under.ignore if word not in chosen)
        return Selection(
            select=under.select if self.select is None else self.select,
            ignore=(*kept, *self.ignore),
            extend_select=self.extend_select
            if self.select is not None
            else (*under.extend_select, *self.extend_select),
        )

    def leaving_out(self, words: tuple[str, ...]) -> Selection:
        """Return the same selection, with `words` ignored in any case."""
        return replace(self, ignore=(*self.ignore, *words))

    def includes(self, code: str, name: str, *, enabled: bool = True) -> bool:
        """Whether a rule runs. `enabled` is whether it runs by default.

        The most specific word counts: a code or name over a longer over a shorter family over
        `ALL`; an ignore wins a tie. A rule that is not enabled needs its own code or name.
        """
        words = (*(self.select or ()), *self.extend_select)
        wanted = max((_weight(word, code, name) for word in words), default=-1)
        if self.select is None and enabled:
            wanted = max(wanted, 0)
        if not enabled and wanted < _EXACT:
            return False
        unwanted = max((_weight(word, code, name) for word in self.ignore), default=-1)
        return wanted > unwanted


def rule_words(lists: Iterable[str]) -> tuple[str, ...]:
    """Return the codes, families and names in texts that list rules by commas."""
    return tuple(word.strip() for text in lists for word in text.split(",") if word.strip())


def _weight(word: str, code: str, name: str) -> int:
    """How closely `word` names the rule: -1 not at all, 0 as one of all, then by its length."""
    if word in {code, name}:
        return _EXACT
    if word == EVERYTHING:
        return 0
    return len(word) if word and code.startswith(word) else -1
