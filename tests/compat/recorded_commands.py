"""Recorded cases of Claude Code, set up on a disk and compared with what a proxy sends."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/compat/commands/slash.jsonl"
DEVIATIONS = ROOT / "docs/slash-compatibility.md"

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_SAVED = re.compile(r"(Full output saved to: )\S+")
_LISTED = re.compile(r"(Result of calling the Bash tool:\n)(.*)(\n</system-reminder>)", re.DOTALL)
_ROW = re.compile(r"^\| `([a-z]+\.[\w.]+)` \|", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A recorded case."""

    row: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def observed(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.row["observed"]
        return found

    @property
    def newest(self) -> Any:
        """What 2.1.329 did: "same", what differed, or "same" where only 2.1.197 was asked."""
        return (self.row.get("other_versions") or {}).get("2.1.329", "same")

    @property
    def inputs(self) -> list[str]:
        given = self.row["input"]
        return given if isinstance(given, list) else [given]


def cases() -> list[Case]:
    return [Case(json.loads(line)) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def deviations(heading: str) -> set[str]:
    """The cases in the table below a heading of the documentation."""
    text = DEVIATIONS.read_text(encoding="utf-8")
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(_ROW.findall(part))


@dataclass(frozen=True)
class Place:
    """The folders that a case was recorded in, here."""

    root: Path

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def home(self) -> Path:
        return self.root / "home"

    def real(self, text: str) -> str:
        for name, path in (("{PROJECT}", self.project), ("{HOME}", self.home), ("{ROOT}", self.root)):
            text = text.replace(name, str(path))
        return text

    def named(self, text: str) -> str:
        for name, path in (("{PROJECT}", self.project), ("{HOME}", self.home), ("{ROOT}", self.root)):
            text = text.replace(str(path), name)
        return text

    def lay_out(self, files: Mapping[str, Any]) -> None:
        self.project.mkdir(parents=True)
        self.home.mkdir()
        for name, content in files.items():
            path = Path(self.real(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_bytes(self.real(content).encode())
            elif "symlink" in content:
                path.symlink_to(self.real(content["symlink"]))
            elif "b64" in content:
                path.write_bytes(base64.b64decode(content["b64"]))
            elif "repeat" in content:
                text, times = content["repeat"]
                path.write_text("".join(text.replace("{n}", str(n)) for n in range(1, times + 1)), encoding="utf-8")
            elif "json" in content:
                path.write_text(self.real(json.dumps(content["json"])), encoding="utf-8")
            else:
                path.mkdir(exist_ok=True)


def blocks_of(messages: Any) -> list[Any]:
    """What the user's messages hold, one after the other."""
    return [_comparable(block) for message in messages if message["role"] == "user" for block in message["blocks"]]


def parts_of(item: Mapping[str, Any], place: Place) -> list[Any]:
    """The same of an item that went upstream."""
    found: list[Any] = []
    for part in item["content"]:
        if part["type"] == "input_image":
            found.append({"image": part["image_url"].partition(":")[2].partition(";")[0]})
        else:
            found.append(_comparable(_UUID.sub("{UUID}", place.named(part["text"]))))
    return found


def agree(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether they are the same, folded texts by their digest."""
    return len(ours) == len(theirs) and all(_same(mine, other) for mine, other in zip(ours, theirs, strict=True))


def _same(mine: Any, other: Any) -> bool:
    if isinstance(other, dict) and other.get("folded") and isinstance(mine, str):
        return (len(mine), hashlib.sha256(mine.encode()).hexdigest()) == (other["chars"], other["sha256"])
    return bool(mine == other)


def _comparable(block: Any) -> Any:
    """A text without what no two runs have in common: where an output was saved, in which order a folder is listed."""
    if not isinstance(block, str):
        return block
    block = _SAVED.sub(r"\1{FILE}", block)
    return _LISTED.sub(lambda found: found[1] + "\n".join(_sorted(found[2])) + found[3], block)


def _sorted(listing: str) -> Iterator[str]:
    return iter(sorted(listing.split("\n")))
