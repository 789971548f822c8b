"""What happens in the demo, and how it is shown."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, TextIO

from ..proxy.upstream import CurlUpstream
from ..testing import CodexClient, StrictUpstream, call, reasoning, shell, text

SCRIPT = (
    text("Hello! I am a scripted model. Your words came through the proxy unchanged."),
    text("You shouted, so I listened."),
    call("word_count", {"text": "the quick brown fox"}),
    text("Four words: I asked a tool that lives in the proxy."),
    reasoning() + shell("rm -rf build"),
    text("I was told that deleting is not allowed here, so I left the files alone."),
)

STEPS = (
    ("hello", "a plain turn: not a byte is changed in either direction"),
    ("/ping", "a local reply: answered by a plugin, the model is never asked"),
    ("/shout please be brief", "a rewrite: the model reads other words, now and in every later turn"),
    ("how many words are in 'the quick brown fox'?", "a hidden tool: called and answered inside one answer"),
    ("clean up the build folder", "a denied call: the model is told why, nothing runs here"),
)


class Screen:
    """Prints the session as it goes."""

    def __init__(self, out: TextIO, *, quiet: bool, colour: bool, width: int) -> None:
        self._out = out
        self._quiet = quiet
        self._colour = colour
        self._width = width

    def line(self, label: str, words: str, code: str = "0") -> None:
        """One labelled paragraph."""
        if self._quiet:
            return
        indent = " " * 9
        body = textwrap.fill(words, self._width, initial_indent=f"{label:<7}  ", subsequent_indent=indent)
        self._out.write(f"\x1b[{code}m{body}\x1b[0m\n" if self._colour else body + "\n")
        self._out.flush()

    def gap(self) -> None:
        """An empty line."""
        if not self._quiet:
            self._out.write("\n")


async def play(url: str, upstream: StrictUpstream, screen: Screen) -> dict[str, Any]:
    """Run the session against the proxy at ``url``; returns what was said and whether every request was legal."""
    codex = CodexClient("0.169.0", "api")
    client = CurlUpstream()
    said = []
    screen.line("proxy", f"{url}  (scripted model behind it; no account, nothing leaves this machine)", "2")
    try:
        for typed, what in STEPS:
            screen.gap()
            screen.line("", what, "2")
            screen.line("you", typed, "1")
            answer = await _ask(client, codex, url, typed)
            screen.line("codex", answer or "(no answer)", "36")
            said.append({"typed": typed, "shown": answer, "what": what})
    finally:
        await client.aclose()
    seen = [_words(item) for item in (upstream.turns[-1].body or {}).get("input", [])]
    # The last request cannot hold its own answer, which the model has as well.
    model = [line for line in seen if line] + [f"assistant: {said[-1]['shown']}"]
    screen.gap()
    screen.line("", "the same conversation as the model has it:", "2")
    for line in model:
        screen.line("model", line, "33")
    screen.gap()
    verdict = "every request was legal" if not upstream.illegal else f"illegal requests: {upstream.illegal}"
    screen.line("", f"{len(upstream.turns)} requests reached the model; {verdict}", "2")
    return {"session": said, "model": model, "requests": len(upstream.turns), "legal": not upstream.illegal}


async def _ask(client: CurlUpstream, codex: CodexClient, url: str, typed: str) -> str:
    answer = await client.open(codex.say(typed).to(url.removesuffix("/v1")))
    body = b""
    while chunk := await answer.read():
        body += chunk
    seen = codex.receive(body, status=answer.status)
    return seen.text or seen.error or ""


_SHOWN: dict[str, Callable[[dict[str, Any]], str]] = {
    "function_call": lambda item: f"→ {item['name']} {item['arguments']}",
    "custom_tool_call": lambda item: f"→ {item['name']} {item['input']}",
    "function_call_output": lambda item: f"← {item['output']}",
    "custom_tool_call_output": lambda item: f"← {item['output']}",
}


def _words(item: dict[str, Any]) -> str:
    kind = item.get("type", "message")
    if kind in _SHOWN:
        return _SHOWN[kind](item)
    if kind != "message" or item.get("role") == "developer":
        return ""
    words = " ".join(part.get("text", "") for part in item.get("content", []))
    return "" if words.startswith("<") else f"{item['role']}: {words}"
