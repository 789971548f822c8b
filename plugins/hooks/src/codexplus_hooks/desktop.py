"""Desktop notifications that the proxy shows itself, since a hook in the sandbox cannot reach the desktop."""

from __future__ import annotations

import html
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from codexplus_core import Action, ActionDenied, CannotStart, Core, Session, shell_commands

from .flat import PLACE, variables_of
from .hook import Hook, Ran

PROGRAM = "notify-send"
"""What a hook's command calls; on every system."""
TITLE = 120
TEXT = 500
"""Characters of a title and of a text that are shown."""
MOST = 5
WITHIN_S = 10.0
"""So many notifications in so many seconds; further ones are dropped, and so is the same one again."""
TIME_S = 5.0
REMEMBERED = 256
"""Commands whose words are remembered."""

_RUNS_IT = frozenset({"notify", f"run:{PROGRAM}", "run:*"})
_STAND_INS: Mapping[str, str] = {"file": "codexplusfileplace", "tool": "codexplustoolplace"}
_URGENCIES = ("low", "normal", "critical")
_VALUED = frozenset({
    "-u", "--urgency", "-t", "--expire-time", "-a", "--app-name", "-i", "--icon", "-c", "--category", "-h", "--hint",
    "-n", "--app-icon", "-r", "--replace-id", "-A", "--action",
})  # fmt: skip
"""Options of notify-send that take a value. Only the urgency is heeded: icons are files, actions run something."""

_MAC = (
    "on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run",
)  # fmt: skip
_WINDOWS = """
$kind = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]
$xml = $kind::GetTemplateContent([Windows.UI.Notifications.ToastTemplateType]::ToastText02)
$texts = $xml.GetElementsByTagName('text')
$null = $texts.Item(0).AppendChild($xml.CreateTextNode($env:CODEX_PLUS_TITLE))
$null = $texts.Item(1).AppendChild($xml.CreateTextNode($env:CODEX_PLUS_TEXT))
$toast = [Windows.UI.Notifications.ToastNotification, Windows.UI.Notifications, ContentType = WindowsRuntime]::new($xml)
$app = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\WindowsPowerShell\\v1.0\\powershell.exe'
$kind::CreateToastNotifier($app).Show($toast)
"""
_BUS = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown: one line, a text of a few lines, and ``low``, ``normal`` or ``critical``."""

    title: str
    text: str = ""
    urgency: str = "normal"


class Desktop:
    """Shows notifications, few at a time and as plain words. ``perform`` is for `Runner`.

    ``clock`` counts seconds, ``platform`` is ``sys.platform``, ``env`` says where the desktop is.
    """

    def __init__(
        self,
        core: Core,
        *,
        clock: Callable[[], float] = time.monotonic,
        platform: str = sys.platform,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._core = core
        self._clock = clock
        self._platform = platform
        self._env = os.environ if env is None else env
        self._known: dict[object, tuple[str, ...] | None] = {}
        self._recent: deque[tuple[float, Shown]] = deque(maxlen=MOST)

    async def perform(self, hook: Hook, text: str, payload: Mapping[str, Any]) -> Ran | None:
        """Show what a hook's ``notify-send`` would show; None for a hook that is not this, which a process runs."""
        shown = self.understood(hook, payload)
        if shown is None:
            return None
        cwd = payload.get("cwd")
        session = Session(cwd=Path(cwd)) if isinstance(cwd, str) and cwd else Session()
        problem = await self.show(shown, session=session, source=f"{hook.title} ({hook.origin})")
        return Ran(hook, 0 if not problem else None, problem=problem, started=not problem)

    def understood(self, hook: Hook, payload: Mapping[str, Any]) -> Shown | None:
        """What a hook wants to have shown, None where its command is more or something else than ``notify-send``.

        A hook of the user's own that declares nothing can reach the desktop itself, and one that declares neither
        ``notify`` nor to run the program may not show anything.
        """
        if hook.permissions is None and hook.trusted:
            return None
        if hook.permissions is not None and not _RUNS_IT & set(hook.permissions):
            return None
        values = variables_of(payload) if hook.shape == "flat" else {}
        words = self._words_of(hook, tuple(values))
        if words is None or PurePath(words[0]).name != PROGRAM:
            return None
        return _said([_filled(word, values) for word in words[1:]])

    async def show(self, shown: Shown, *, session: Session, source: str) -> str:
        """Show it; the answer says why it was not, ``""`` where it was, or where it was one too many."""
        safe = Shown(_line(shown.title, TITLE) or "Codex", _lines(shown.text, TEXT), shown.urgency)
        if self._is_too_much(safe):
            self._core.log.debug("notification_dropped", source=source)
            return ""
        action = self._action(safe, session, source)
        if action is None:
            return f"did not start: nothing shows notifications on {self._platform}"
        try:
            result = await self._core.run(action)
        except (CannotStart, ActionDenied) as error:
            return f"did not start: {error}"
        if result.timed_out:
            return f"did not start: {action.argv[0]} took longer than {TIME_S:g} s; is there a desktop?"
        if result.returncode != 0:
            why = _line(result.stderr.decode("utf-8", "replace"), 200) or f"exit code {result.returncode}"
            return f"did not start: {action.argv[0]} cannot reach the desktop ({why})"
        return ""

    def _words_of(self, hook: Hook, names: tuple[str, ...]) -> tuple[str, ...] | None:
        """What `_words` says, which is the same at every event."""
        key = (hook.shell, hook.argv, names)
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = _words(hook, names)
        return self._known[key]

    def _is_too_much(self, shown: Shown) -> bool:
        now = self._clock()
        while self._recent and now - self._recent[0][0] >= WITHIN_S:
            self._recent.popleft()
        if len(self._recent) == MOST or any(one == shown for _, one in self._recent):
            return True
        self._recent.append((now, shown))
        return False

    def _action(self, shown: Shown, session: Session, source: str) -> Action | None:
        env: dict[str, str] = {}
        if self._platform == "darwin":
            script = tuple(word for line in _MAC for word in ("-e", line))
            # Words behind the script are its arguments, never part of it.
            argv: tuple[str, ...] = ("osascript", *script, shown.title, shown.text)
        elif self._platform == "win32":
            argv = ("powershell", "-NoProfile", "-NonInteractive", "-Command", _WINDOWS)
            env = {"CODEX_PLUS_TITLE": shown.title, "CODEX_PLUS_TEXT": shown.text}
        elif self._platform.startswith(("linux", "freebsd")):
            # Notification servers read the text as markup.
            text = html.escape(shown.text, quote=False)
            argv = (PROGRAM, "--app-name=Codex", f"--urgency={shown.urgency}", "--", shown.title, text)
            env = {name: self._env[name] for name in _BUS if name in self._env}
        else:
            return None
        return Action("run", argv=argv, source=source, session=session, cwd=Path.home(), env=env, timeout=TIME_S)


def _words(hook: Hook, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words of a command that is one program with plain arguments, None for every other one."""
    if hook.argv:
        return hook.argv
    text = hook.shell
    if names:
        # What stands in for a value is one plain word, so the rest of the text can be understood.
        text = PLACE.sub(lambda place: _STAND_INS[place[0].strip("${}")], text)
    commands = shell_commands(text)
    return commands[0] if commands is not None and len(commands) == 1 and commands[0] else None


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(_STAND_INS[name], value)
    return word


def _said(words: list[str]) -> Shown | None:
    """The title, text and urgency out of the arguments of ``notify-send``; None where there is no title."""
    urgency, said = "normal", list[str]()
    at, options = 0, True
    while at < len(words):
        word = words[at]
        at += 1
        if not options or not word.startswith("-") or word == "-":
            said.append(word)
            continue
        if word == "--":
            options = False
            continue
        name, equals, value = word.partition("=")
        if name in _VALUED and not equals and at < len(words):
            value, at = words[at], at + 1
        elif not name.startswith("--") and len(name) > 2:
            name, value = name[:2], name[2:]
        if name in ("-u", "--urgency") and value in _URGENCIES:
            urgency = value
    return Shown(said[0], "\n".join(said[1:]).replace("\\n", "\n"), urgency) if said else None


def _line(text: str, most: int) -> str:
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * most]).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _lines(text: str, most: int) -> str:
    lines = [_line(line, most) for line in text[: 4 * most].splitlines()[:8]]
    whole = "\n".join(line for line in lines if line)
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"
