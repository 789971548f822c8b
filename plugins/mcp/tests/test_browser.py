"""How a browser is opened: by argument list, and only where there is one."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from oauth_server import core_in

from codexplus_core import Problem
from codexplus_mcp.browser import open_browser, openers

URL = "https://auth.example.com/authorize?a=1&b=$(id)"


@pytest.mark.abuse("G06")
@pytest.mark.parametrize(
    ("platform", "env"),
    [
        ("linux", {"DISPLAY": ":0"}),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}),
        ("linux", {"WSL_DISTRO_NAME": "x"}),
        ("darwin", {}),
        ("win32", {}),
    ],
)
def test_the_address_is_one_argument_and_no_shell_sees_it(platform: str, env: dict[str, str]) -> None:
    found = openers(URL, platform, env)

    assert found
    assert all(argv[-1] == URL and argv.count(URL) == 1 for argv in found)
    assert not {"sh", "bash", "cmd", "cmd.exe", "powershell.exe"} & {argv[0] for argv in found}


def test_without_a_desktop_nothing_is_started() -> None:
    assert openers(URL, "linux", {}) == []


@pytest.mark.abuse("G06")
@pytest.mark.parametrize("url", ["--help", "file:///etc/passwd", "javascript:x", "https://a/\n", "https://a/ b"])
async def test_what_is_no_web_address_is_not_opened(tmp_path: Path, url: str) -> None:
    with pytest.raises(Problem, match="no plain http"):
        await open_browser(core_in(tmp_path), url)


async def test_the_program_that_opens_browsers_gets_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/setsid"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WSL_DISTRO_NAME", raising=False)

    assert await open_browser(core_in(tmp_path), URL)

    assert (tmp_path / "asked").read_text(encoding="utf-8").splitlines() == ["--fork", "--wait", "xdg-open", URL]


needs_setsid = pytest.mark.skipif(shutil.which("setsid") is None, reason="setsid is Linux's")


def desktop(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """A desktop with these programs, shell scripts."""
    folder.mkdir()
    for name, text in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WSL_DISTRO_NAME", raising=False)


@needs_setsid
@pytest.mark.parametrize("aside", ["&", ""])
async def test_the_browser_outlives_what_opened_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aside: str) -> None:
    go, said = tmp_path / "go", tmp_path / "said"
    os.mkfifo(go)
    os.mkfifo(said)
    desktop(tmp_path / "bin", monkeypatch, xdg_open=f'{{ read word < "{go}"; echo "$1" > "{said}"; }} {aside}')
    monkeypatch.setattr("codexplus_mcp.browser._ALIVE_SECONDS", 0.5)
    heard = asyncio.Event()
    writing, reading = os.open(go, os.O_RDWR), os.open(said, os.O_RDONLY | os.O_NONBLOCK)
    asyncio.get_running_loop().add_reader(reading, heard.set)

    assert await open_browser(core_in(tmp_path), URL)

    os.write(writing, b"on\n")
    async with asyncio.timeout(30):
        await heard.wait()
    assert os.read(reading, 4096).decode() == f"{URL}\n"
    asyncio.get_running_loop().remove_reader(reading)
    os.close(reading)
    os.close(writing)


@needs_setsid
async def test_where_one_opener_fails_the_next_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desktop(tmp_path / "bin", monkeypatch, xdg_open="exit 3", gio=f'echo "$*" > {tmp_path}/asked')

    assert await open_browser(core_in(tmp_path), URL)

    assert (tmp_path / "asked").read_text(encoding="utf-8") == f"open {URL}\n"
