"""Which hosts may be reached: a URL taken apart in one way only, and the entries of a list that it is held against."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SAFE = ("https", "wss")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]*|\d+)")
_ENTRY = re.compile(r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[^\]]*\]|[^:/\[\]]*)(?::(?P<port>\d{1,5}|\*))?/?")


class BadEndpoint(ValueError):
    """A URL, or an entry of a list, that could mean one thing here and another elsewhere; the message says why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads: ``host`` in its one canonical form, ``local`` whether it is this machine."""

    scheme: str
    host: str
    port: int
    local: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            host if _PORTS[self.scheme] == self.port and self.scheme in _SAFE else f"{self.scheme}://{host}:{self.port}"
        )


def endpoint_of(url: str) -> Endpoint:
    """Where an absolute URL leads. Raises BadEndpoint for one that two readers could take for two different places."""
    # A tab or newline is dropped by some parsers, a backslash is a slash to others.
    if not url.isprintable() or any(sign in url for sign in "\\ "):
        raise BadEndpoint("holds blanks, backslashes or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadEndpoint("is no URL") from None
    if parts.scheme not in _PORTS:
        raise BadEndpoint(f"has the scheme {parts.scheme[:20]!r}, not {', '.join(_PORTS)}")
    if "@" in parts.netloc:
        raise BadEndpoint("holds a user name; only the host says where it leads")
    if port == 0:
        raise BadEndpoint("has the port 0")
    host = canonical_host(parts.netloc.rpartition(":")[0] if _has_port(parts.netloc) else parts.netloc)
    return Endpoint(parts.scheme, host, port or _PORTS[parts.scheme], _local(host))


def canonical_host(text: str) -> str:
    """A host's one form: lower case, no last dot, punycode, addresses as they are written. Raises BadEndpoint."""
    if text.startswith("["):
        if not text.endswith("]"):
            raise BadEndpoint("has no whole address in its brackets")
        try:
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            raise BadEndpoint("has no IPv6 address in its brackets") from None
        if address.scope_id:
            raise BadEndpoint("names a network interface")
        return str(address.ipv4_mapped or address)
    host = text.lower()
    if not host.isascii():
        try:
            written, host = host, host.encode("idna").decode("ascii").lower()
            same = host.encode("ascii").decode("idna") == unicodedata.normalize("NFKC", written)
        except UnicodeError:
            raise BadEndpoint("has a name that is no host name") from None
        if not same:
            # Newer rules make another name of it (of "ß" not "ss"), and by those the connection is made.
            raise BadEndpoint("has a name that is spelled in another way elsewhere; write it in punycode")
    host = host.removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # 2130706433, 0x7f.1 and 127.1 are all 127.0.0.1 to those who connect.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise BadEndpoint("has an address that is not written as four numbers") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadEndpoint("has no host name")
    return host


def _has_port(netloc: str) -> bool:
    return ":" in netloc.rpartition("]")[2]


def _local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list: ``written`` as it stands there, ``host`` with or without ``*.`` in front."""

    written: str
    scheme: str
    host: str
    port: int | None
    """None for the scheme's own port, 0 for any."""

    def allows(self, found: Endpoint) -> bool:
        """Whether this entry lets the endpoint pass.

        Without a scheme it is TLS, and on this machine plain text as well. Without a port it is the scheme's own, and
        on this machine any.
        """
        if self.scheme and found.scheme != self.scheme:
            return False
        if not self.scheme and found.scheme not in _SAFE and not found.local:
            return False
        if self.port is None:
            if found.port != _PORTS[found.scheme] and not found.local:
                return False
        elif self.port not in (0, found.port):
            return False
        if self.host == "*":
            return True
        if self.host.startswith("*."):
            return found.host.endswith(self.host[1:]) and not _is_address(found.host)
        return found.host == self.host


def entry_of(text: str) -> Entry:
    """One entry: ``host``, ``*.host`` or ``*``, with ``scheme://`` in front and ``:port`` or ``:*`` behind if need be.

    Raises BadEndpoint.
    """
    found = _ENTRY.fullmatch(text)
    if found is None or not found["host"]:
        raise BadEndpoint("is no host, like api.openai.com, *.example.com or https://host:8443")
    scheme, host = found["scheme"] or "", found["host"]
    if scheme and scheme not in _PORTS:
        raise BadEndpoint(f"has the scheme {scheme[:20]!r}, not {', '.join(_PORTS)}")
    port = {None: None, "*": 0}.get(found["port"], -1) if found["port"] in (None, "*") else int(found["port"])
    if (port is not None and port > 65535) or found["port"] == "0":
        raise BadEndpoint("has a port that there is not")
    if host != "*":
        wild = host.startswith("*.")
        host = ("*." if wild else "") + canonical_host(host[2:] if wild else host)
        if wild and _is_address(host[2:]):
            raise BadEndpoint("has * in front of an address")
    return Entry(text, scheme, host, port)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Endpoints:
    """A list of allowed endpoints; an entry that cannot be read allows nothing."""

    __slots__ = ("_known", "entries", "written")

    def __init__(self, entries: Iterable[str]) -> None:
        self.written = tuple(dict.fromkeys(entries))
        self.entries = tuple(entry for text in self.written if (entry := _entry(text)) is not None)
        self._known: dict[str, str] = {}

    def denial(self, url: str) -> str:
        """Why ``url`` may not be reached, without what to do about it; ``""`` where it may."""
        origin = _origin(url)
        known = self._known.get(origin)
        if known is None:
            known = self._judged(url)
            if len(self._known) < 256:
                self._known[origin] = known
        return known

    def problem(self, url: str, *, remedy: str = "or take it out of your settings") -> str:
        """What the user reads when ``url`` may not be reached, ``""`` where it may.

        ``remedy`` is what they can do themselves: it depends on who named the URL.
        """
        denial = self.denial(url)
        ask = "ask your administrator to add it to security.endpointAllowlist"
        return f"{denial}; {ask}{f', {remedy}' if remedy else ''}." if denial else ""

    def _judged(self, url: str) -> str:
        allowed = ", ".join(self.written) or "no host"
        try:
            found = endpoint_of(url)
        except BadEndpoint as bad:
            return f"This workspace reaches only: {allowed}. The address {bad}"
        if any(entry.allows(found) for entry in self.entries):
            return ""
        return f"This workspace reaches only: {allowed}. {found} is not one of them"


def _entry(text: str) -> Entry | None:
    try:
        return entry_of(text)
    except BadEndpoint:
        return None


def _origin(url: str) -> str:
    """All of a URL that decides where it leads: what stands before the path."""
    slash = url.find("/", url.find("//") + 2)
    before = url if slash < 0 else url[:slash]
    # A "?" or "#" ends the host as well; what is as odd as that is remembered as a whole.
    return url if "?" in before or "#" in before or not before.isprintable() else before
