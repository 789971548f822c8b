"""The commands of signed packs, and which others may not be used beside them (``security.requireSigned``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codexplus_core import Core, PackFile, RefusedFile

from .command_file import Kind, Source

_KINDS: dict[str, Kind] = {
    "md": "markdown", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "py": "python",
}  # fmt: skip
_MODULE = "_module.py"


@dataclass(frozen=True, slots=True)
class Signed:
    """What packs bring, and what must come from one: everything, or what a project brings.

    ``problems`` are packs that are not used, each with a sentence; ``refused`` what those would bring, as far as their
    manifests can be trusted.
    """

    files: tuple[PackFile, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    projects: bool = False
    refused: tuple[RefusedFile, ...] = ()

    def refuses(self, source: Source) -> bool:
        """Whether this file may not be used because nobody vouches for it."""
        return source.pack is None and (self.everything or (self.projects and source.scope == "project"))

    def problem(self, name: str) -> tuple[Path, str] | None:
        """Why a command of a pack cannot be used, None where its pack can, or there is no such pack."""
        pack, parted, _ = name.partition(":")
        said = next((words for each, words in self.problems if parted and each == pack), None)
        if said is not None:
            return Path(pack), said
        # What would have been meant is not sent to the model as if nobody had ever heard of it.
        for file in self.refused:
            if (found := _parts(file.kind, file.path)) and name in (found[0][-1], ":".join((file.pack, *found[0]))):
                return Path(file.pack), file.problem
        return None

    def sources(self) -> list[Source]:
        """The commands, skills and modules of packs, as files of the user's own: a key of theirs vouches for them."""
        return [source for file in self.files for source in _source(file)]


def signed_of(core: Core, project: Path | None) -> Signed:
    """What holds in a project now. Not from a thread: it looks at the settings."""
    packs = core.packs
    files = (*packs.files("command"), *packs.files("skill"), *packs.files("module"))
    return Signed(
        files, packs.problems, packs.required(project), packs.required(project, of_project=True), packs.refused
    )


def refusal(source: Source) -> str:
    """Why an unsigned file is not used, and what to do."""
    return (
        f"{source.path}: comes from no signed pack, and only those are used here (security.requireSigned);"
        " ask for it in a pack, or have the setting changed"
    )


def _parts(kind: str, path: str) -> tuple[list[str], Kind] | None:
    """The parts of a command's name within its pack, and what it is; None for a file that is no command."""
    if kind not in ("command", "skill", "module"):
        return None
    *above, name = path.split("/")[1:]
    stem, _, ending = name.rpartition(".")
    if kind == "skill":
        return above, "skill"
    if kind == "module":
        return [name.removesuffix(_MODULE)], "module"
    return ([*above, stem], _KINDS[ending]) if ending in _KINDS else None


def _source(file: PackFile) -> Iterator[Source]:
    found = _parts(file.kind, file.path)
    if found is None:
        return
    parts, kind = found
    base = file.file.parent if kind == "skill" else None
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
