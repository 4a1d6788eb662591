"""`python -m archlint` is the command `archlint`."""

import sys

from archlint.cli import main

sys.exit(main())
