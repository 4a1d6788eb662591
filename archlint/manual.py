"""A rule's manual: the Markdown file beside its module, and the examples in it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlint.rule import Rule

_FENCE = re.compile(
    r"^```yaml (?P<word>fails|passes)[ 	]*
(?P<text>.*?)^```[ 	]*$", re.MULTILINE | re.DOTALL
)
