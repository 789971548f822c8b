"""What the settings of the audit log must look like."""

from __future__ import annotations

from typing import Any

from .shapes import BAD, Check, Checked, address, shown


def place(value: Any) -> Checked:
    """The place of a file or folder: absolute, or in the home directory."""
    if isinstance(value, str) and value.startswith(("/", "~/")) and "\0" not in value:
        return Checked(value)
    if isinstance(value, str) and value[1:3] in (":\\", ":/"):
        return Checked(value)  # Windows
    return Checked(BAD, (((), f"expected an absolute path or one that begins with ~/, got {shown(value)}"),))


def between(least: int, most: int) -> Check:
    """A whole number in these bounds."""

    def check(value: Any) -> Checked:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return Checked(value)
        said = value if isinstance(value, int) and not isinstance(value, bool) else shown(value)
        return Checked(BAD, (((), f"expected a whole number from {least} to {most}, got {said}"),))

    return check


def private_collector(value: Any) -> Checked:
    """The URL of a collector: https, or http on this machine; records are not for everybody on the way."""
    found = address(value)
    if found.value is BAD:
        return found
    host = str(value).partition("://")[2].partition("/")[0].rpartition(":")
    local = (host[0] or host[2]) in ("127.0.0.1", "localhost", "[::1]")
    if value.startswith("https://") or (value.startswith("http://") and local):
        return found
    return Checked(BAD, (((), "expected an https URL, or an http one on this machine"),))
