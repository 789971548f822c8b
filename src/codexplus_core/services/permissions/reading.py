"""A command as the rules see it: its simple commands, or the words of one that cannot be taken apart."""

from __future__ import annotations

from .request import Argv, Request, ShellText, WindowsText
from .shell import Unclear, Understood, canonical_of, read_shell, unclear
from .shell_characters import odd_character
from .shell_mentions import mentioned


def reading_of(request: Request) -> Understood | Unclear | None:
    """The commands of a request, or why they are not clear; None for a request that is no command."""
    if isinstance(request, ShellText):
        return read_shell(request.text)
    if isinstance(request, WindowsText):
        return unclear("it is for cmd", mentioned(request.text))
    if not isinstance(request, Argv):
        return None
    why = next(filter(None, map(odd_character, request.argv)), "") if request.argv else "it is empty"
    if why or not request.argv[0]:
        words = (part for word in request.argv for part in (word, *mentioned(word)))
        return unclear(why or "it names no program", words)
    return Understood((request.argv,), (), canonical_of(request.argv))
