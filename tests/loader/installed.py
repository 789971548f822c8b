"""Plugins as installed distributions, and what was found of them."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from codexplus_core.loader import Plugin, Plugins, load_plugins

GOOD = "from codexplus_core import hookimpl\n@hookimpl\ndef on_request(exchange): ...\n"


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self, name: str, source: str, *, distribution: str = "", target: str = "", version: str = "1.0"
    ) -> None:
        distribution = distribution or f"dist-{name}"
        module = f"plugin_{distribution.replace('-', '_')}"
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{distribution}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[codexplus.plugins]\n{name} = {module}{target}\n")

    def entry_points(self) -> list[metadata.EntryPoint]:
        found = metadata.distributions(path=[str(self.folder)])
        return [entry for distribution in found for entry in distribution.entry_points]

    def load(self, selection: Any = None, **more: Any) -> Plugins:
        return load_plugins(selection, entry_points=self.entry_points(), **more)


def names(plugins: Any) -> list[str]:
    return [plugin.name for plugin in plugins]


def only(found: Plugins) -> Plugin:
    (plugin,) = found.plugins
    return plugin
