"""Resources that a prompt mentions, `@server:uri`: found in the text, read, put before the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from codexplus_core import Core, Exchange, LocalReply

from .connection import Connection
from .connections import Connections
from .failure import Failure
from .outputs import Outputs
from .results import Answer
from .server import Server, ServerSet
from .settings import Servers
from .told import told
from .wording import line, sendable, unframed

if TYPE_CHECKING:
    from mcp_types import ReadResourceResult

MOST = 20
"""Resources that one prompt attaches."""
_LOOKED_AT = 2_000
_LONGEST = 2_048
_MENTION = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|([^\s"@][^\s]*))')
_TAIL = ".,;:!?)]}>'\"`*"
_AGAIN = (
    "Do NOT read this resource again unless you think it may have changed, since you already have the full contents."
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A resource as it was written: ``uris`` are what may be meant, the whole word first."""

    server: Server
    uris: tuple[str, ...]


class Resources:
    """Attaches the resources of servers that prompts mention."""

    def __init__(self, core: Core, servers: Servers, connections: Connections, outputs: Outputs) -> None:
        self._core = core
        self._servers = servers
        self._connections = connections
        self._outputs = outputs

    async def on_request(self, exchange: Exchange, *, strict: bool, limit: int) -> LocalReply | None:
        """Put what the mentioned resources hold before the prompt; ask first where a server may not start yet.

        ``limit`` are the characters of one resource that the model is given at once; in the strict profile there is
        none. What cannot be read is said to the model, in the strict profile left out, as recorded.
        """
        prompt = exchange.prompt
        if not prompt or "@" not in prompt or ":" not in prompt:
            return None
        mentions = mentions_in(prompt, self._servers.of(exchange.session.cwd))
        if not mentions:
            return None
        servers = tuple({mention.server.name: mention.server for mention in mentions[:MOST]}.values())
        question = await self._connections.trust.require(exchange, servers)
        if question is not None:
            return question
        done: set[tuple[str, str]] = set()
        for mention in mentions[:MOST]:
            await self._attach(exchange, mention, done, strict=strict, limit=limit)
        if len(mentions) > MOST and not strict:
            exchange.attach(_reminder(f"Only the first {MOST} of {len(mentions)} mentioned resources are attached."))
        return None

    async def _attach(
        self, exchange: Exchange, mention: Mention, done: set[tuple[str, str]], *, strict: bool, limit: int
    ) -> None:
        name = mention.server.name
        connection = self._connections.get(mention.server)
        try:
            uri = await told(self._core, exchange, name, _listed(connection, mention.uris, strict=strict))
            if uri is None:
                if not strict:
                    text = f"Not attached: the server {line(name)} has no resource {line(mention.uris[-1])}."
                    exchange.attach(_reminder(text))
                return
            if (name, uri) in done:
                return
            done.add((name, uri))
            texts = contents_of(await told(self._core, exchange, name, connection.read_resource(uri)))
        except Failure as failure:
            if not strict:
                exchange.attach(_reminder(f"Not attached: {line(str(failure), 500)}"))
            return
        if not strict:
            texts = (await self._outputs.fitting(Answer(texts), limit)).texts
        which = "" if strict else f" @{line(name)}:{line(uri)}"
        exchange.attach(_reminder(f"Full contents of resource{which}:"))
        for text in texts:
            # What a server writes must not end the frame that says it is a server's, in any profile.
            exchange.attach(_reminder(unframed(text)))
        exchange.attach(_reminder(_AGAIN))


def mentions_in(text: str, servers: ServerSet) -> list[Mention]:
    """The resources that a text mentions, in order, each once; what names no server of these is none."""
    # What a repository brought along does not come before what the user configured.
    usable = sorted(servers.usable, key=lambda server: (server.scope == "project", -len(server.name)))
    found: dict[tuple[str, tuple[str, ...]], Mention] = {}
    for match in islice(_MENTION.finditer(text), _LOOKED_AT):
        quoted, word = match[1], match[2] or ""
        written = quoted or word
        if len(written) > _LONGEST:
            continue
        server = next((server for server in usable if written.startswith(f"{server.name}:")), None)
        if server is None:
            continue
        uri = written[len(server.name) + 1 :]
        uris = (uri,) if quoted else tuple(_shorter(uri))
        if uri and uris:
            found.setdefault((server.name, uris), Mention(server, uris))
    return list(found.values())


def contents_of(result: ReadResourceResult) -> tuple[str, ...]:
    """The texts of a resource; what is binary is only said to be there, as Claude Code says it."""
    texts = []
    for part in result.contents:
        text = getattr(part, "text", None)
        texts.append(
            sendable(text) if isinstance(text, str) else f"[Binary content: {line(part.mime_type or 'unknown')}]"
        )
    return tuple(texts) or ("[The resource is empty]",)


def fits(template: str, uri: str) -> bool:
    """Whether a URI is one of a template (RFC 6570): ``{x}`` is a piece without a slash, ``{+x}`` may hold some."""
    pattern = []
    for at, piece in enumerate(re.split(r"\{([^{}]*)\}", template)):
        if at % 2 == 0:
            pattern.append(re.escape(piece))
        elif piece[:1] in ("?", "&"):
            pattern.append(r"(?:[?&][^#]*)?")
        elif piece[:1] in ("+", "#") or piece.endswith("*") or piece[:1] == "/":
            pattern.append(r".*")
        else:
            pattern.append(r"[^/?#]*")
    return len(template) <= _LONGEST and template.count("{") <= 16 and bool(re.fullmatch("".join(pattern), uri))


def _shorter(word: str) -> Iterator[str]:
    """A word, and the word without each mark at its end that may belong to the sentence."""
    yield word
    while word and word[-1] in _TAIL:
        word = word[:-1]
        if word:
            yield word


async def _listed(connection: Connection, uris: Sequence[str], *, strict: bool) -> str | None:
    await connection.connect()
    if "resources" not in connection.capabilities:
        return None
    listed = {resource.uri for resource in await connection.list_resources()}
    exact = next((uri for uri in uris if uri in listed), None)
    # For Claude Code a resource is what the server lists; templates are none.
    if exact is not None or strict:
        return exact
    templates = [template.uri_template for template in await connection.list_resource_templates()]
    # The shortest: a full stop behind it is the sentence's, and a template takes almost anything.
    return next((uri for uri in reversed(uris) if any(fits(template, uri) for template in templates)), None)


def _reminder(text: str) -> str:
    return f"<system-reminder>\n{text}\n</system-reminder>"
