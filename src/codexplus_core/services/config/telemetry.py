"""What the address of an OpenTelemetry collector and the headers sent to it must look like."""

from __future__ import annotations

from typing import Any

from .shapes import BAD, Checked, address, shown


def collector(value: Any) -> Checked:
    """The base URL of a collector: http or https."""
    found = address(value)
    if found.value is not BAD and not found.value.startswith(("http://", "https://")):
        return Checked(BAD, (((), "expected an http or https URL"),))
    return found


def header_value(value: Any) -> Checked:
    """A header's value: printable ASCII, so that no second header can hide in it."""
    if not isinstance(value, str):
        return Checked(BAD, (((), f"expected a text, got {shown(value)}"),))
    if not value.strip() or not value.isascii() or not value.isprintable():
        return Checked(BAD, (((), "expected printable ASCII characters"),))
    return Checked(value)
