"""Which URLs and addresses a sign-in may reach: https to public addresses, and what the user's own entry names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from codexplus_core import Core, Problem

from .server import Server

Address = IPv4Address | IPv6Address

# RFC 3986's characters. No space, quote, backslash or control character gets near a browser or a request line.
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_NAT64 = ip_network("64:ff9b::/96")
# Addresses of networks of one's own that Python takes for public: compatible IPv4, a local NAT64, site-local.
_LOCAL = tuple(map(ip_network, ("::/96", "64:ff9b:1::/48", "fec0::/10")))
# Names below these belong to whoever asked for one, so two of them are no more related than two domains are.
_SHARED = frozenset({
    "amazonaws.com", "azurestaticapps.net", "azurewebsites.net", "cloudfront.net", "deno.dev", "firebaseapp.com",
    "fly.dev", "github.io", "gitlab.io", "herokuapp.com", "netlify.app", "ngrok-free.app", "ngrok.app", "ngrok.io",
    "onrender.com", "pages.dev", "railway.app", "replit.app", "run.app", "surge.sh", "trycloudflare.com", "vercel.app",
    "web.app", "workers.dev",
})  # fmt: skip
# Names that only the network one is in can give, so that nobody outside can let them point into it.
_INTERNAL = (".internal", ".intranet", ".corp", ".lan", ".local", ".home.arpa", ".localdomain")


@dataclass(frozen=True, slots=True)
class Reach:
    """What one server's sign-in may reach.

    ``loopback``: the entry's own URL is on this machine, so http and any port here will do. ``private`` are the hosts
    that may have private addresses: the entry's own where it is an address or an internal name, and those of the user's
    setting ``mcp.privateHosts`` (``*.corp.example`` for all below). ``trusted`` hosts (``mcp.oauth.trustedHosts``)
    may stand in for an authorization server although their names are not related.
    """

    loopback: bool = False
    private: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, core: Core, server: Server) -> Reach:
        """The reach of this server. Raises Problem for a URL that is none, and for a wrong setting."""
        host = host_of(split(server.url, f"the URL of MCP server {server.name}"))
        own = {host} if _literal(host) is not None or "." not in host or host.endswith(_INTERNAL) else set()
        private, trusted = (_hosts(core, key) for key in ("mcp.privateHosts", "mcp.oauth.trustedHosts"))
        return cls(is_loopback(host), private | own, trusted)

    def check(self, url: str, what: str) -> str:
        """The URL, if a request may go there as far as the text tells; ``what`` names it in the Problem."""
        parts = split(url, what)
        host = host_of(parts)
        local = is_loopback(host)
        if local and not self.loopback:
            raise Problem(f"{what} points to this machine ({host}), which a server elsewhere has no business with")
        if parts.scheme != "https" and not local:
            raise Problem(f"{what} is {parts.scheme}://{host}, not https; tokens are only sent over https")
        literal = _literal(host)
        if literal is not None:
            self.permitted(host, [literal])
        elif host.rpartition(".")[2][:1].isdigit():
            # 127.1, 0x7f.1, 2130706433: spellings of an address that resolvers take and people do not read.
            raise Problem(f"{what} has an odd host ({host}); a name or a plain address is needed")
        return url

    def permitted(self, host: str, addresses: Iterable[Address]) -> tuple[Address, ...]:
        """Those addresses of ``host`` that may be connected to. Raises Problem where there is none."""
        found = tuple(addresses)
        fine = tuple(address for address in found if self._may(host, address))
        if fine:
            return fine
        shown = ", ".join(map(str, found)) or "no address"
        raise Problem(
            f"{host} is not a public address ({shown}), so nothing is sent there; "
            "if it is yours, name it in mcp.privateHosts"
        )

    def _may(self, host: str, address: Address) -> bool:
        real = embedded(address)
        if real.is_loopback:
            return self.loopback
        if real.is_multicast or real.is_unspecified or real.is_link_local:
            # Link-local is where clouds keep their credentials; no setting opens it.
            return False
        return (real.is_global and not any(real in net for net in _LOCAL)) or _named(host, self.private)

    def is_related(self, issuer: str, url: str) -> bool:
        """Whether ``url`` is the same people's as ``issuer``, as far as names tell, or trusted by the user.

        Else an authorization server could send us to another one's login and have the code sent to itself.
        """
        host = host_of(urlsplit(url))
        return same_site(host_of(urlsplit(issuer)), host) or _named(host, self.trusted)


def split(url: str, what: str) -> SplitResult:
    """The parts of an http or https URL. Raises Problem for anything else; the URL is not repeated in it."""
    try:
        if not isinstance(url, str) or not _URL.fullmatch(url) or len(url) > 16384:
            raise ValueError
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        raise Problem(f"{what} is no plain http(s) URL; nothing was sent or opened") from None
    if parts.username is not None or parts.password is not None:
        raise Problem(f"{what} contains a user name or password, which is not accepted")
    if parts.fragment:
        raise Problem(f"{what} has a fragment (#), which is not accepted")
    return parts


def host_of(parts: SplitResult) -> str:
    """The host in lower case, without the dot of the root."""
    return (parts.hostname or "").rstrip(".")


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, host_of(parts), parts.port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Whether this is a name or address of this machine."""
    literal = _literal(host)
    if literal is not None:
        return embedded(literal).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def same_site(one: str, other: str) -> bool:
    """Whether two hosts are the same, one below the other, or below a domain that somebody owns."""
    if one == other:
        return True
    if _literal(one) is not None or _literal(other) is not None:
        return False
    common = 0
    ours, theirs = one.split(".")[::-1], other.split(".")[::-1]
    while common < min(len(ours), len(theirs)) and ours[common] == theirs[common]:
        common += 1
    if common < 2:
        return False
    shared = ".".join(ours[:common][::-1])
    # co.uk, com.au: two labels that nobody owns.
    if shared in _SHARED or (common == 2 and len(ours[0]) == 2 and len(ours[1]) <= 3):
        return False
    return shared in (one, other) or not shared.endswith(tuple(f".{name}" for name in _SHARED))


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _named(host: str, patterns: frozenset[str]) -> bool:
    return any(
        host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]) and len(host) > len(pattern) - 1)
        for pattern in patterns
    )


def _hosts(core: Core, key: str) -> frozenset[str]:
    value = core.config.user.get(key, [])
    if not isinstance(value, list | tuple) or not all(isinstance(host, str) for host in value):
        raise Problem(f"{key} has to be a list of host names")
    return frozenset(host.lower() for host in value)
