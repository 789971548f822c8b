"""Who may use the port: judges a request by its head alone, before its body is read and before any plugin runs."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any

from .client import EXTENSION, Client
from .guard_path import is_nearly_a_model_path, is_plain
from .head import MOST_NAMES
from .target import endpoint, is_responses

Address = tuple[str, int]
Lines = list[tuple[bytes, bytes]]
UidOf = Callable[[Address, Address], int | None]

TOKEN_HEADER = b"x-codexplus-token"
OWN_ROUTES = b"/_codexplus"
NOBODY = -1
"""The uid of a connection that the kernel, when asked, did not know: its client is gone already."""

# Codex 0.169 asks so whether a route of ours wants a login; it is nothing for the upstream, and the answer is no.
_SIGN_IN = (
    b"/.well-known/oauth-protected-resource", b"/.well-known/oauth-authorization-server",
    b"/.well-known/openid-configuration",
)  # fmt: skip
_OWNER = "owner"
_MAX_HEADERS = 200
_MAX_HEADER_BYTES = 64 * 1024
_MIN_TOKEN = 16
_LOOPBACK = (b"127.0.0.1", b"localhost", b"[::1]")
_SINGLE = frozenset(
    (
        b"host", b"authorization", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding",
        b"chatgpt-account-id", TOKEN_HEADER,
    )
)  # fmt: skip
# A browser that sends any Sec-Fetch header sends Mode and Dest.
_BROWSER = frozenset(
    (b"origin", b"referer", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"sec-fetch-user")
)
_NAME, _VALUE = itemgetter(0), itemgetter(1)
_METHODS_REFUSED = frozenset(("OPTIONS", "TRACE", "TRACK", "CONNECT"))
_METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
# What a web page can send without a preflight; an essence that only starts like one of these is refused too.
_SIMPLE_TYPES = (b"text/plain", b"application/x-www-form-urlencoded", b"multipart/")


@dataclass(frozen=True, slots=True)
class Denied:
    """A no: the status, a short code for programs and the words for people."""

    status: int
    code: str
    message: str

    def body(self) -> bytes:
        """The JSON that the client gets."""
        error = {"message": self.message, "type": "codex_plus_refused", "code": self.code}
        return json.dumps({"error": error}, ensure_ascii=False).encode()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The response's headers; never one that lets a web page read the answer."""
        found = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.body())),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        if self.status == 405:
            found.append((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE"))
        return found


@dataclass(frozen=True, slots=True)
class Admitted:
    """A yes, and what is left of the target: the raw path without the token, and the query.

    ``own`` says that the path is one of our routes; ``credentials`` that the client brought an Authorization of its own
    for upstream.
    """

    path: bytes
    query: bytes
    own: bool
    credentials: bool
    seen: Mapping[bytes, bytes] = field(default_factory=dict, compare=False)
    """The headers by lower-case name, the last of those that may come twice."""


class Guard:
    """The rules of one listening port.

    ``port`` is where clients believe to reach us; ``hosts`` are further names they may use (``name`` for that port,
    ``name:port`` for a forwarded one), ``any_host`` allows all, for a port that other machines reach. ``token`` admits
    clients whose user cannot be told; ``uid_of`` tells the user of a connection by its client and server address,
    NOBODY where there is none (any more), None where it cannot know, and must be quick.
    """

    __slots__ = ("_any_host", "_hosts", "_own_uid", "_token", "_uid_of")

    def __init__(
        self,
        *,
        port: int,
        token: bytes | None = None,
        hosts: Iterable[str] = (),
        uid_of: UidOf | None = None,
        own_uid: int | None = None,
        any_host: bool = False,
    ) -> None:
        if token is not None and len(token) < _MIN_TOKEN:
            raise ValueError(f"proxy token: shorter than {_MIN_TOKEN} bytes; run codex-plus init to make a new one")
        self._token = token
        self._uid_of = uid_of if own_uid is not None else None
        self._own_uid = own_uid
        self._hosts = _host_values(port, hosts)
        self._any_host = any_host

    def check(self, scope: Mapping[str, Any]) -> Denied | Admitted:
        """Judge an ASGI scope of type http or websocket."""
        if scope["http_version"] not in ("1.1", "1.0"):
            return Denied(505, "http_version", "this port speaks HTTP/1.1 only; use an http:// base URL without HTTP/2")
        seen = _read(scope["headers"])
        if isinstance(seen, Denied):
            return seen
        method = scope.get("method", "GET")
        if method in _METHODS_REFUSED:
            return Denied(405, "method", f"{method} is not served here")
        refusal = self._host(seen) or _framing(seen, scope["http_version"])
        if refusal is not None:
            return refusal
        raw, _, rest = scope["raw_path"].partition(b"?")
        query = scope["query_string"] or rest
        if not is_plain(raw, query):
            return Denied(400, "path", "the path holds a form that is not forwarded; send it plain, starting with /")
        carried = self._carried(raw, query, seen, scope["headers"])
        if isinstance(carried, Denied):
            return carried
        path, proven = carried
        own = _is_own(path)
        if is_nearly_a_model_path(path):
            return Denied(400, "path", "a model request goes to /v1/responses, spelled exactly like that")
        refusal = self._identity(scope, seen, method, own=own, proven=proven) or _content(seen, method, path, own=own)
        return refusal or Admitted(path, query, own, b"authorization" in seen, seen)

    def close(self) -> None:
        """Let go of what tells users apart."""
        close = getattr(self._uid_of, "close", None)
        if close is not None:
            close()

    def _host(self, seen: dict[bytes, bytes]) -> Denied | None:
        host = seen.get(b"host")
        if not host:
            return Denied(400, "host", "the request names no host; send a Host header with the loopback address")
        if host.lower() in self._hosts or self._any_host:
            return None
        return Denied(421, "host", "this proxy answers to its loopback address and port only; correct the base URL")

    def _carried(
        self, raw: bytes, query: bytes, seen: dict[bytes, bytes], headers: Lines
    ) -> tuple[bytes, bool] | Denied:
        """The path without the token, and whether the right token came with it; a wrong one is never overlooked."""
        token = self._token
        path, proven = raw, False
        first, _, rest = raw[1:].partition(b"/")
        if token is not None and rest and hmac.compare_digest(first, token):
            path, proven = b"/" + rest, True
        elif len(first) >= 32 and rest.partition(b"/")[0] in (b"v1", b"_codexplus"):
            return _WRONG_TOKEN
        header = seen.get(TOKEN_HEADER)
        if header is not None:
            if token is None or not hmac.compare_digest(header, token):
                return _WRONG_TOKEN
            proven = True
        if token is None:
            return path, proven
        if token in path or token in query:
            return _WRONG_TOKEN
        # In any other place it would go upstream.
        meant = (header is not None) + (_is_own(path) and seen.get(b"authorization", b"").count(token))
        if b"\n".join(map(_VALUE, headers)).count(token) > meant:
            return Denied(401, "token", "the proxy token is no API key; send it as x-codexplus-token or in the path")
        return path, proven

    def _identity(
        self, scope: Mapping[str, Any], seen: dict[bytes, bytes], method: str, *, own: bool, proven: bool
    ) -> Denied | None:
        known = self._known(scope)
        if _OWNER in known:
            return None
        client, server = scope.get("client"), scope.get("server")
        uid = self._uid_of(client, server) if self._uid_of and client and server else None
        if uid is not None and uid == self._own_uid:
            # A socket's owner stays; that it was ours is asked once for every connection.
            known[_OWNER] = uid
            return None
        if uid == NOBODY:
            # Whoever sends and closes at once is not to be asked for a token instead, which may be a stolen one.
            return Denied(403, "unknown_user", "this connection's user is not known; keep it open until the answer")
        bearer = own and self._bearer(seen.get(b"authorization", b""))
        if uid is None:
            return None if proven or bearer else _NO_TOKEN
        # A monitoring system runs as another user and only reads.
        if bearer and method in ("GET", "HEAD"):
            return None
        return Denied(403, "other_user", "this proxy belongs to another user; start your own with codex-plus serve")

    @staticmethod
    def _known(scope: Mapping[str, Any]) -> dict[str, object]:
        client: Client | None = scope.get("extensions", {}).get(EXTENSION)
        return {} if client is None else client.known

    def _bearer(self, authorization: bytes) -> bool:
        scheme, _, given = authorization.partition(b" ")
        if self._token is None or scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(given.strip(), self._token)


_WRONG_TOKEN = Denied(401, "token", "wrong proxy token; run codex-plus init to write the right one")
_NO_TOKEN = Denied(401, "token", "missing proxy token; run codex-plus init to write it into Codex's configuration")


def _is_own(path: bytes) -> bool:
    return path == OWN_ROUTES or path.startswith((OWN_ROUTES + b"/", *_SIGN_IN))


def _host_values(port: int, hosts: Iterable[str]) -> frozenset[bytes]:
    values = {b"%b:%d" % (name, port) for name in _LOOPBACK}
    if port == 80:
        values.update(_LOOPBACK)
    for host in hosts:
        name = host.lower().encode("ascii")
        has_port = name.rpartition(b":")[2].isdigit() and not name.endswith(b"]")
        values.add(name if has_port else b"%b:%d" % (name, port))
    return frozenset(values)


def _read(headers: Lines) -> dict[bytes, bytes] | Denied:
    if len(headers) > _MAX_HEADERS:
        return Denied(431, "headers", f"more than {_MAX_HEADERS} header lines")
    names = tuple(map(_NAME, headers))
    places = (_places if len(names) <= MOST_NAMES else _places.__wrapped__)(names)
    if isinstance(places, Denied):
        return places
    if sum(map(len, map(_VALUE, headers))) > _MAX_HEADER_BYTES:
        return Denied(431, "headers", f"the header lines hold more than {_MAX_HEADER_BYTES} bytes")
    return {name: headers[place][1] for name, place in places}


@lru_cache(maxsize=16)
def _places(names: tuple[bytes, ...]) -> tuple[tuple[bytes, int], ...] | Denied:
    """Where the header lines stand that a request is judged by; a client says the same names with each of its own."""
    places: dict[bytes, int] = {}
    for place, name in enumerate(names):
        key = name.lower()
        if key in _BROWSER:
            return Denied(403, "browser", f"requests of web pages are refused (the {key.decode()} header)")
        if key in places:
            return Denied(400, "duplicate_header", f"the {key.decode()} header came twice; send it once")
        if key in _SINGLE:
            places[key] = place
    return tuple(places.items())


def _framing(seen: dict[bytes, bytes], version: str) -> Denied | None:
    if b"transfer-encoding" in seen and (b"content-length" in seen or version == "1.0"):
        return Denied(400, "framing", "the body's length is given in two ways; send Content-Length or chunks")
    return None


def _content(seen: dict[bytes, bytes], method: str, path: bytes, *, own: bool) -> Denied | None:
    if method not in _METHODS_WITH_BODY:
        return None
    if b"transfer-encoding" not in seen and not seen.get(b"content-length", b"").strip(b"0"):
        return None
    kind = seen.get(b"content-type", b"").strip().lower()
    if kind and not kind.startswith(_SIMPLE_TYPES):
        return None
    # Uploads are multipart; a web page cannot put Authorization on one without a preflight.
    if b"authorization" in seen and not own and not is_responses(path):
        return None
    return Denied(415, "content_type", f"{endpoint(path).decode('latin-1')} takes application/json; set Content-Type")
