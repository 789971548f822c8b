"""What runs in processes of their own: the worker's text, and the request that it is handed with it.

A worker reaches its interpreter over standard input together with the user's code, so the bytes that were approved are
the bytes that run, no file of ours has to be readable in the sandbox, and the command line stays short.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Language = Literal["javascript", "python"]

_FILES: Mapping[Language, str] = {"javascript": "node_worker.cjs", "python": "python_worker.py"}


def worker_text(language: Language, request: Mapping[str, object]) -> bytes:
    """The program for an interpreter's standard input: the worker, and the call that starts it with ``request``."""
    worker = (Path(__file__).parent / _FILES[language]).read_text(encoding="utf-8")
    # Pure ASCII, so that no locale can read it as something else.
    plain = json.dumps(request, ensure_ascii=True, default=str)
    call = f"main(json.loads({plain!r}))" if language == "python" else f"main({plain});"
    return f"{worker}\n{call}\n".encode()


def arguments(language: Language, path: Path) -> tuple[str, ...]:
    """What follows the interpreter on its command line; the path is there for people and rules to see."""
    # Isolated: neither variables nor the working directory decide what Python loads.
    options = ("-I", "-X", "utf8") if language == "python" else ()
    return (*options, "-", str(path))
