"""Prints the JSON Schema of architecture files, including the settings under `target:`."""

from __future__ import annotations

import json
import sys
from typing import Any


def schema() -> dict[str, Any]:
    """Return the schema of an architecture file as a whole."""
    from archlint.config.schema import target_schema
    from archlint.frontends.architecture.schema import architecture_schema

    return architecture_schema(target_schema())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
