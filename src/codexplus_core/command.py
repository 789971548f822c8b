"""A slash command that a plugin contributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .exchange import Exchange


class Command:
    """A slash command of a plugin: subclass it and write one of the two methods, or hand one in.

    ``async expand(exchange, args) -> str`` gives the prompt that the model gets in the command's place;
    ``async answer(exchange, args) -> LocalReply`` answers without the model. ``args`` is the text after the name. Of
    two commands with one name the lower ``priority`` number wins.
    """

    expand: Callable[[Exchange, str], Any] | None = None
    answer: Callable[[Exchange, str], Any] | None = None

    def __init__(
        self,
        name: str,
        description: str = "",
        argument_hint: str = "",
        priority: int = 0,
        scope: str = "plugin",
        *,
        expand: Callable[[Exchange, str], Any] | None = None,
        answer: Callable[[Exchange, str], Any] | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.argument_hint = argument_hint
        self.priority = priority
        self.scope = scope
        if expand is not None:
            self.expand = expand
        if answer is not None:
            self.answer = answer

    def __repr__(self) -> str:
        return f"Command({self.name!r}, priority={self.priority}, scope={self.scope!r})"


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A slash command as listings show it: its name without the slash, and where it comes from.

    ``scope`` is what is shown behind the description: ``"plugin"``, ``"project"``, ``"project:frontend"``, ``"user"``.
    ``source`` is the file, or the plugin's name. ``aliases`` are the other names that mean it. ``replaces`` says that
    it answers in the place of a contributed command of its name.
    """

    name: str
    description: str = ""
    argument_hint: str = ""
    scope: str = "plugin"
    source: str = ""
    aliases: tuple[str, ...] = ()
    replaces: bool = False
