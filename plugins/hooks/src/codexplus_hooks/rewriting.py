"""A hook's changed input, put back into the patch that Codex applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .patch import FileChange, edited, parse_patch, patch_text


class CannotExpress(ValueError):
    """A changed input that no call of Codex can carry; the message says why."""


def changed_patch(text: str, at: int, name: str, new: Mapping[str, Any]) -> str:
    """The patch with its file ``at`` changed to what a hook wants of a ``name`` (Write, Edit, MultiEdit).

    Raises CannotExpress.
    """
    changes = parse_patch(text)
    if changes is None or at >= len(changes):
        raise CannotExpress("the patch is none that can be read")
    changes[at] = _changed(changes[at], name, new)
    return patch_text(changes)


def _changed(change: FileChange, name: str, new: Mapping[str, Any]) -> FileChange:
    where = "moved" if change.moved is not None else "path"
    path = new.get("file_path")
    if isinstance(path, str) and path:
        change = replace(change, **{where: path})  # type: ignore[arg-type]
    if name == "Write":
        content = new.get("content")
        return change if not isinstance(content, str) else replace(change, content=tuple(content.splitlines()))
    if name == "Edit":
        if "old_string" not in new and "new_string" not in new:
            return change
        old, made = new.get("old_string", _text(change.hunks[0].old)), new.get("new_string")
        made = _text(change.hunks[0].new) if made is None else made
        return replace(change, hunks=(edited(str(old), str(made)),))
    if name == "MultiEdit":
        edits = new.get("edits")
        if not isinstance(edits, list):
            return change
        pairs = [
            (str(one.get("old_string", "")), str(one.get("new_string", ""))) for one in edits if isinstance(one, dict)
        ]
        return replace(change, hunks=tuple(edited(old, made) for old, made in pairs))
    raise CannotExpress("deleting or renaming a file in a patch cannot be made into another command")


def _text(lines: tuple[str, ...]) -> str:
    return "\n".join(lines)
