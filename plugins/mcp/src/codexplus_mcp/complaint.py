"""Which line of what a program complained about says what went wrong."""

from __future__ import annotations

import re

from .wording import visible

LONGEST = 200
"""Characters of the line."""

# What package runners put around the one line that matters: npm 10 and 11, uv 0.8, pip 25, Node 22, docker 27.
_PREFIX = re.compile(r"^(?:npm (?:error|ERR!)(?: code)?|error:|ERROR:|×|╰─▶|├─▶|│)\s*", re.IGNORECASE)
_NOISE = re.compile(
    r"complete log of this run|^npm (?:notice|warn)|^\s+at |^Node\.js v|^\^+$|^[{}\]),;]*$|Note that you can|"
    r"tarball, folder|"
    r"^(?:errno |syscall |code )?-?E?[A-Z0-9]{3,}$|^syscall |^\d{3}$|^(?:\[notice\]|hint:|DEBUG|INFO)|"
    r"Run 'docker|See 'docker",
    re.IGNORECASE,
)
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:: .+|(?:Error|Exception|Exit|Interrupt))")
# From the plainest to the vaguest; the first line that one of them is about is taken.
_PLAIN = (
    re.compile(
        r"not found|no such|cannot find|not in this registry|does not exist|no module named|was not found|"
        r"permission denied|access denied|refused|unauthorized|forbidden|ENOTFOUND|EACCES|ENOENT|\b40[134]\b",
        re.IGNORECASE,
    ),
    re.compile(r"\berror\b|\berr!|\bfatal\b|\bfailed\b|\bpanic|\bmissing\b|\bunable to\b|\binvalid\b", re.IGNORECASE),
)


def complaint_in(text: str) -> str:
    """The line of a program's standard error that says best why it ended, ``""`` where it said nothing."""
    lines = ["".join(char for char in line if char.isprintable()).rstrip() for line in visible(text).splitlines()]
    return _bare(_best([line for line in lines if line.strip()]))[:LONGEST]


def _best(lines: list[str]) -> str:
    if _TRACEBACK in lines:
        after = lines[len(lines) - lines[::-1].index(_TRACEBACK) :]
        raised = [line for line in after if _RAISED.fullmatch(line)]
        if raised:
            return raised[-1]
    telling = [line for line in lines if not _NOISE.search(line) and not _NOISE.search(_bare(line))]
    for pattern in _PLAIN:
        found = next((line for line in telling if pattern.search(line)), None)
        if found is not None:
            return found
    return (telling or lines or [""])[-1]


def _bare(line: str) -> str:
    """The line without what its program puts before each."""
    before = ""
    line = line.strip()
    while line != before:
        before, line = line, _PREFIX.sub("", line).strip()
    return line
