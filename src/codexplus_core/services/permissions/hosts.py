"""The host that a URL leads to, and whether a WebFetch rule means it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from .shell_characters import odd_character

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Host:
    """A URL's host in its one spelling; ``odd`` says why others may read the URL differently, empty if plain."""

    name: str
    odd: str = ""


def host_of(url: str) -> Host:
    """The host of an http or https URL; ``name`` is empty where none can be made out."""
    odd = odd_character(url) or ("it holds a backslash or a blank" if re.search(r"[\\\s]", url) else "")
    try:
        parts = urlsplit(url.strip().replace("\\", "/"))
        given = parts.hostname or ""
        port_given = parts.port
    except ValueError:
        return Host("", "it is no URL")
    if parts.scheme not in ("http", "https"):
        odd = odd or "it is neither http nor https"
    if port_given is None and parts.netloc.endswith(":"):
        odd = odd or "its port is empty"
    if "@" in parts.netloc:
        odd = odd or "it holds a user name before the host"
    name = canonical_host(given)
    if name != given.casefold():
        odd = odd or f"its host is an unusual spelling of {name}"
    return Host(name, odd if name else odd or "it has no host")


def canonical_host(text: str) -> str:
    """A host name as resolvers compare it: lower case, ASCII, no dot at the end, numbers as an address."""
    name = unquote(text).strip().strip("[]").rstrip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    name = name.casefold()
    try:
        return _plain_address(name)
    except ValueError:
        return _numeric(name) or (name if _NAME.fullmatch(name) else "")


def _plain_address(name: str) -> str:
    address = ipaddress.ip_address(name)
    # ::ffff:127.0.0.1 and the NAT64 prefix lead to the IPv4 host behind them.
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return str(inner or address)


def _numeric(name: str) -> str:
    """What inet_aton makes of 127.1, 0x7f000001 and 2130706433; empty for a name."""
    pieces = name.split(".")
    if len(pieces) > 4 or not all(_NUMBER.fullmatch(piece) for piece in pieces):
        return ""
    try:
        numbers = [int(piece, 16 if piece[:2] == "0x" else 8 if piece[0] == "0" else 10) for piece in pieces]
    except ValueError:
        return ""
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        return ""
    whole = last + sum(number << (8 * (3 - place)) for place, number in enumerate(first))
    return str(ipaddress.IPv4Address(whole))


@dataclass(frozen=True, slots=True)
class HostPattern:
    """The domain of ``WebFetch(domain:…)``: a host, with a leading ``*.`` the hosts below it; ``*`` is all."""

    name: str
    below: bool

    def allows(self, host: Host) -> bool:
        """Whether the rule vouches for this host; a plain name vouches for that one only."""
        if host.odd or not host.name:
            return False
        if not self.name:
            return True
        return host.name.endswith("." + self.name) if self.below else host.name == self.name

    def touches(self, host: Host, url: str) -> bool:
        """Whether a denying rule concerns the URL: the host, those below it, and what cannot be read but names it."""
        if not self.name or host.name == self.name or host.name.endswith("." + self.name):
            return True
        return bool(host.odd) and self.name in unquote(url).casefold()


def read_host_pattern(spec: str) -> HostPattern:
    """The pattern in a WebFetch rule's parentheses. Raises ValueError."""
    kind, colon, domain = spec.strip().partition(":")
    if kind != "domain" or not colon:
        raise ValueError("WebFetch takes domain:NAME")
    if domain.strip() == "*":
        return HostPattern("", True)
    below = domain.strip().startswith("*.")
    name = canonical_host(domain.strip().removeprefix("*."))
    if not name:
        raise ValueError(f"{domain!r} is no host name")
    return HostPattern(name, below)
