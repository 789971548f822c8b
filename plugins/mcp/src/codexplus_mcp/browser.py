"""Opening the user's browser at an address, without a shell."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from codexplus_core import Action, ActionDenied, CannotStart, Core, Problem

from .reach import split

_DESKTOP = (
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_TYPE", "XDG_DATA_DIRS", "XDG_CONFIG_DIRS", "DESKTOP_SESSION", "KDE_FULL_SESSION", "WSL_DISTRO_NAME",
    "WSL_INTEROP",
)  # fmt: skip
_SECONDS = 10.0
_ALIVE_SECONDS = 2.0
"""What still runs after that time in a session of its own has become the browser."""
_APART = ("setsid", "--fork", "--wait")


async def open_browser(core: Core, url: str) -> bool:
    """Whether a program that opens browsers took the address. Where there is no desktop none is tried.

    Raises Problem for an address that is no plain http(s) URL.
    """
    split(url, "the address to open")
    env = {name: os.environ[name] for name in _DESKTOP if name in os.environ}
    for argv in openers(url, sys.platform, env):
        action = Action("run", argv=argv, source="codexplus_mcp: signing in", env=env)
        try:
            if await _took(core, action, _ALIVE_SECONDS if argv[: len(_APART)] == _APART else _SECONDS):
                return True
        except CannotStart:
            continue
        except (ActionDenied, Problem):
            return False
    return False


async def _took(core: Core, action: Action, seconds: float) -> bool:
    # Not with `run`: a browser that only now comes up would end with what opened it.
    program = await core.start(action)
    try:
        async with asyncio.timeout(seconds):
            return await program.wait() == 0
    except TimeoutError:
        return action.argv[: len(_APART)] == _APART
    finally:
        await program.close(grace=0.1)


def openers(url: str, platform: str, env: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What to try, in this order."""
    if platform == "darwin":
        return [("open", url)]
    windows = ("rundll32.exe", "url.dll,FileProtocolHandler", url)
    if platform == "win32":
        return [windows]
    if "WSL_DISTRO_NAME" in env:
        return [("wslview", url), windows]
    if not {"DISPLAY", "WAYLAND_DISPLAY"} & env.keys():
        return []
    # xdg-open may become the browser itself, which has to outlive us and so needs a session of its own. A setsid that
    # did not wait would end before there is one, and take it along.
    return [(*_APART, "xdg-open", url), (*_APART, "gio", "open", url)]
