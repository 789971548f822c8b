"""The commands of signed packs, and which others may not be used beside them (``security.requireSigned``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Core, PackFile

from .command_file import Kind, Source

_KINDS: dict[str, Kind] = {
    "md": "markdown", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "py": "python",
}  # fmt: skip
_MODULE = "_module.py"


@dataclass(frozen=True, slots=True)
class Signed:
    """What packs bring, and what must come from one: everything, or what a project brings.

    ``problems`` are packs that are not used, each with a sentence.
    """

    files: tuple[PackFile, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    projects: bool = False

    def refuses(self, source: Source) -> bool:
        """Whether this file may not be used because nobody vouches for it."""
        return source.pack is None and (self.everything or (self.projects and source.scope == "project"))

    def problem(self, name: str) -> tuple[Path, str] | None:
        """Why a command of a pack cannot be used, None where its pack can, or there is no such pack."""
        pack, parted, _ = name.partition(":")
        said = next((words for each, words in self.problems if parted and each == pack), None)
        return None if said is None else (Path(pack), said)

    def sources(self) -> list[Source]:
        """The commands, skills and modules of packs, as files of the user's own: a key of theirs vouches for them."""
        return [source for file in self.files for source in _source(file)]


def signed_of(core: Core, project: Path | None) -> Signed:
    """What holds in a project now. Not from a thread: it looks at the settings."""
    packs = core.packs
    files = (*packs.files("command"), *packs.files("skill"), *packs.files("module"))
    return Signed(files, packs.problems, packs.required(project), packs.required(project, of_project=True))


def refusal(source: Source) -> str:
    """Why an unsigned file is not used, and what to do."""
    return (
        f"{source.path}: comes from no signed pack, and only those are used here (security.requireSigned);"
        " ask for it in a pack, or have the setting changed"
    )


def _source(file: PackFile) -> Iterator[Source]:
    *above, name = file.path.split("/")[1:]
    stem, _, ending = name.rpartition(".")
    parts, kind, base = [*above, stem], _KINDS.get(ending), None
    if file.kind == "skill":
        parts, kind, base = above, "skill", file.file.parent
    elif file.kind == "module":
        parts, kind = [name.removesuffix(_MODULE)], "module"
    if kind is None:
        return
    space = ":".join(parts[:-1])
    yield Source(
        name=":".join((file.pack, *parts)),
        path=file.file,
        root=file.root,
        scope="user",
        kind=kind,
        label=f"(pack:{file.pack}:{space})" if space else f"(pack:{file.pack})",
        base=base,
        plugin_root=file.root,
        pack=file,
    )
