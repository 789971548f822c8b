"""`python -m codexplus_core.cli` is `codex-plus`."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
