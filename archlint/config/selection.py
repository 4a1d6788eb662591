"""Which rules run: selections by code, by family and by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Selection:
    """Words that select and words that ignore: codes, prefixes of codes, names, or ALL.

    The longer word wins, and ignoring wins over selecting with words of the same length: `RF`
    ignored and `RF001` selected leaves RF001. Nothing selected means ALL; `extend` selects beside.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    extend: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Every word that is mentioned, to be checked against the rules that there are."""
        return tuple(dict.fromkeys((*self.select, *self.extend, *self.ignore)))

    def over(self, under: Selection) -> Selection:
        """Return this selection laid over `under`: a `select` replaces, the others add up.

        A word that is ignored below and selected here is not ignored any more.
        """
        chosen = {*self.select, *self.extend}
        return Selection(
            select=self.select or under.select,
            ignore=(*(word for word in under.ignore if word not in chosen), *self.ignore),
            extend=self.extend if self.select else (*under.extend, *self.extend),
        )

    def leaving_out(self, words: tuple[str, ...]) -> Selection:
        """Return the same selection, with `words` ignored in any case."""
        return replace(self, ignore=(*self.ignore, *words))

    def allows(self, code: str, name: str, *, enabled: bool = True) -> bool:
        """Whether a rule runs; one that is not `enabled` only by its own code or name."""
        words = (*(self.select or (ALL,)), *self.extend)
        chosen = max(weight(word, code, name) for word in words)
        refused = max((weight(word, code, name) for word in self.ignore), default=-1)
        by_itself = chosen == weight(code, code, name)
        return chosen > refused and (enabled or by_itself)


def weight(word: str, code: str, name: str) -> int:
    """Return how closely `word` means the rule with this code and name, -1 where it does not."""
    if word in {code, name}:
        return len(code)
    if word == ALL:
        return 0
    return len(word) if word and code.startswith(word) else -1
