"""The error that ends a run with exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class CannotRun(Exception):
    """Raised for usage, configuration and plugins; the text is for the user, the exit code is 2."""


def interrupted(error: BaseException) -> bool:
    """Whether an error was caused by `KeyboardInterrupt`.

    Before Python 3.12, an exception that is raised while a class is being created, including
    `KeyboardInterrupt`, is wrapped in another error.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ": did you mean 'x'?" for the known word nearest to `word`, or nothing."""
    from difflib import get_close_matches

    words = {each.casefold(): each for each in known}
    near = get_close_matches(word.casefold(), list(words), n=1)
    return f": did you mean {words[near[0]]!r}?" if near else ""
