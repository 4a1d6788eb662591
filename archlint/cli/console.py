"""Turns on colours in the Windows console."""

from __future__ import annotations

import sys
from typing import Any

_STANDARD_OUTPUT = -11
_VIRTUAL_TERMINAL = 4


def takes_colors() -> bool:
    """Whether the terminal on standard output understands escape sequences."""
    if sys.platform != "win32":
        return True
    import ctypes

    return switch_on(ctypes)


def switch_on(ctypes: Any) -> bool:  # noqa: ANN401 - the module, which has no such part elsewhere
    """Enable escape sequences in a Windows console; return whether that worked.

    `SetConsoleMode` with ENABLE_VIRTUAL_TERMINAL_PROCESSING, which Windows 10 and later have.
    """
    system = ctypes.windll.kernel32
    handle, mode = system.GetStdHandle(_STANDARD_OUTPUT), ctypes.c_uint32()
    if not system.GetConsoleMode(handle, ctypes.byref(mode)):
        return True  # not a Windows console but a terminal emulator
    return bool(system.SetConsoleMode(handle, mode.value | _VIRTUAL_TERMINAL))
