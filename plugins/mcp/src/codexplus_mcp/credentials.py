"""What a sign-in leaves behind for one MCP server: the client, the tokens, and where to renew them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Client:
    """Us, as an authorization server knows us. ``method`` is how we prove it: none, or with the secret."""

    id: str
    secret: str = field(default="", repr=False)
    method: str = "none"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The sign-in of one server, good for ``url`` alone. Times are seconds since 1970, 0 where unknown.

    Without tokens it is a sign-in that has ended; ``ended`` says why. ``wanted`` are the scopes that the server missed.
    """

    url: str
    issuer: str
    token_endpoint: str
    client: Client
    revocation_endpoint: str = ""
    resource: str = ""
    scopes: tuple[str, ...] = ()
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: float = 0.0
    renew_at: float = 0.0
    ended: str = ""
    wanted: tuple[str, ...] = ()

    def is_stale(self, now: float) -> bool:
        """Whether the access token has ended, or is about to."""
        return bool(self.renew_at) and now >= self.renew_at

    def secrets(self) -> tuple[str, ...]:
        """Texts that no message may contain."""
        return tuple(filter(None, (self.access_token, self.refresh_token, self.client.secret)))

    def to_json(self) -> dict[str, Any]:
        """As JSON values, secrets included."""
        return {"format": _FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Credentials | None:
        """From what ``to_json`` gave; None for anything else."""
        if value.get("format") != _FORMAT or not isinstance(value.get("client"), dict):
            return None
        found: dict[str, Any] = {entry.name: value.get(entry.name) for entry in fields(cls)}
        client = {entry.name: value["client"].get(entry.name) for entry in fields(Client)}
        scopes, wanted, *times = (found.pop(name) for name in ("scopes", "wanted", "expires_at", "renew_at"))
        found.pop("client")
        if not isinstance(scopes, list) or not isinstance(wanted, list):
            return None
        if not all(isinstance(time, float | int) and not isinstance(time, bool) for time in times):
            return None
        if not all(isinstance(text, str) for text in (*found.values(), *client.values(), *scopes, *wanted)):
            return None
        return cls(
            **found,
            client=Client(**client),
            scopes=tuple(scopes),
            wanted=tuple(wanted),
            expires_at=float(times[0]),
            renew_at=float(times[1]),
        )
