"""A version manager's shim in the sandbox: what is said, and what is not taken for one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from mcp_world import Place

from codexplus_core.cli.main import main
from codexplus_mcp.server_checks import servers_here
from codexplus_mcp.shim import shim_fault

pytestmark = [pytest.mark.req("X6"), pytest.mark.skipif(os.name != "posix", reason="shims as scripts")]
SANDBOXED = {"permissions": ["run:tool", "net", "read_repo"]}
SCRIPT = "#!/bin/sh\nexec /no/such/manager exec tool\n"


@pytest.fixture
def place(tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path, private_home)
    monkeypatch.chdir(made.project)
    return made


def program(path: Path, text: str = SCRIPT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def on_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("manager", "real"),
    [(".pyenv", "versions/3.{}.0/bin"), (".asdf", "installs/nodejs/3.{}.0/bin"), ("mise", "installs/node/3.{}.0/bin")],
)
def test_the_folder_of_the_newest_version_is_named(
    manager: str, real: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = place.home / manager
    on_path(monkeypatch, program(root / "shims/tool").parent)
    for minor in (9, 11, 10):
        program(root / real.format(minor) / "tool")
    place.mine(s={"command": "tool", **SANDBOXED})

    assert shim_fault(place.server("s"), place.project) == (
        f"tool is a version manager's shim ({root}/shims/tool), and in the sandbox it finds no version;"
        f" start codex-plus with the version's folder first on the PATH: PATH={root}/{real.format(11)}:$PATH"
    )


def test_one_program_under_many_names_is_a_shim_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place.home / ".volta/bin"
    program(folder / "volta-shim")
    (folder / "tool").symlink_to("volta-shim")
    on_path(monkeypatch, folder)
    place.mine(s={"command": "env", **SANDBOXED})

    fault = shim_fault(place.server("s"), place.project)

    assert fault.endswith("first on the PATH: the folder of the real tool")


@pytest.mark.parametrize(
    ("folder", "entry"),
    [
        ("bin", SANDBOXED),
        (".pyenv/shims", {}),
        (".pyenv/shims", {"permissions": ["run:tool", "read:~/.pyenv/**", "read_repo"]}),
    ],
    ids=["a program", "not in the sandbox", "the manager's folder is declared"],
)
def test_what_can_start_is_not_blamed(
    folder: str, entry: dict[str, Any], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(monkeypatch, program(place.home / folder / "tool").parent)
    place.mine(s={"command": "tool", **entry})

    assert shim_fault(place.server("s"), place.project) == ""
    assert servers_here(place.project).status == "ok"


def test_it_is_said_where_the_server_is_added_looked_at_and_checked(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_path(monkeypatch, program(place.home / ".pyenv/shims/tool").parent)
    monkeypatch.setenv("MY_KEY", "k")
    said = "tool is a version manager's shim"

    main(["mcp", "add", "-s", "project", "s", "-e", "K=${MY_KEY}", "--", "tool"])
    added = capsys.readouterr().out
    main(["approvals", "allow", "--project", str(place.project)])
    capsys.readouterr()
    main(["mcp", "list"])
    listed = capsys.readouterr().out

    assert f"Note: {said}" in added
    assert "✘ Failed to connect — it ended with code 12" in listed and said in listed
    assert said in servers_here(place.project).message
