"""More of the policy from a URL: fetched, verified, and imposed on the settings; the last good one is kept for a while.

The signature lies beside it under the same name with ``.minisig`` behind; its trusted comment is
``codexplus-policy/1 serial=N until=DAY``. N never goes back; the last day may be left out.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from codexplus_core import Problem

from . import kept as keeping
from .endpoints import Endpoints
from .kept import Kept

REFRESH_MINUTES = 60
MAX_AGE_HOURS = 72
RETRY_S = 60.0
"""Seconds between two tries to fetch a newer one while one is in force; where nothing is, every look tries."""
_COMMENT = re.compile(r"codexplus-policy/1 serial=(\d{1,15})(?: until=(\d{4}-\d{2}-\d{2}))?")
_AGAIN = "look at the network and at HTTPS_PROXY, then try again"


class NotFetched(Exception):
    """Nothing came that could be used; the message says why."""


class BadRemote(Exception):
    """A policy from elsewhere that does not count; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the local policy says about the one from elsewhere."""

    url: str
    key: str
    refresh_s: float
    max_age_s: float
    barred: str = ""
    """Why the list of endpoints does not let it be fetched."""


def wanted(settings: Any) -> Wanted | None:
    """Where more of the policy comes from, None where the local one does not say. Raises BadRemote."""
    url, key = settings.get("policy.url"), settings.get("policy.publicKey")
    if url is None:
        return None
    if key is None:
        raise BadRemote(f"policy.url is {url}, but policy.publicKey is not set; nobody could tell whose policy it is")
    refresh = settings.get("policy.refreshMinutes", REFRESH_MINUTES)
    hosts = settings.get("security.endpointAllowlist")
    denial = Endpoints(hosts).denial(url) if isinstance(hosts, list) else ""
    barred = f"{denial}, so policy.url is not fetched; add its host to security.endpointAllowlist" if denial else ""
    return Wanted(url, key, refresh * 60.0, settings.get("policy.maxAgeHours", MAX_AGE_HOURS) * 3600.0, barred)


def signature_url(url: str) -> str:
    """Where the signature of what lies at ``url`` lies."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}.minisig"))


@dataclass(frozen=True, slots=True)
class Stated:
    """What the signer of a policy says of it: its serial, and the last day (UTC) on which it counts, None for none."""

    serial: int
    until: date | None = None

    def expired(self, now: float) -> str:
        """Why it does not count at this time (seconds since 1970) any more, ``""`` while it does."""
        if self.until is None or datetime.fromtimestamp(now, UTC).date() <= self.until:
            return ""
        return f"serial {self.serial} counted until {self.until}; sign a newer one"

    def __str__(self) -> str:
        return f"serial {self.serial}" + ("" if self.until is None else f", until {self.until}")


def stated(comment: str) -> Stated:
    """What a trusted comment says. Raises BadRemote for one that is none of a policy's."""
    said = _COMMENT.fullmatch(comment)
    try:
        if said is not None:
            return Stated(int(said[1]), None if said[2] is None else date.fromisoformat(said[2]))
    except ValueError:
        pass
    raise BadRemote(
        "the signature's trusted comment is not 'codexplus-policy/1 serial=N' or"
        " 'codexplus-policy/1 serial=N until=YYYY-MM-DD'; sign it with -t"
    )


def verified(key: str, data: bytes, signature: bytes) -> Stated:
    """What is stated of a policy that was signed with ``key``. Raises BadRemote for any other."""
    from ..packs.manifest import PackError
    from ..packs.signing import check, signed

    try:
        found = signed(signature)
        check(key, data, found)
    except (PackError, Problem) as error:
        raise BadRemote(str(error)) from None
    return stated(found.comment)


@dataclass(frozen=True, slots=True)
class _Found:
    """A policy whose signature is good."""

    data: bytes
    signature: bytes
    stated: Stated
    fetched: float
    kept: bool = False


class Remote:
    """The policy from elsewhere, for one configuration.

    ``problem`` says why nothing may be allowed, ``""`` while there is a policy to go by; ``warning`` why the one that
    is in force could not be fetched again.
    """

    def __init__(
        self,
        config: Any,
        path: Path,
        *,
        get: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._path = path
        self._get = get if get is not None else _fetch
        self._clock = clock
        self._source: tuple[str, str] | None = None
        self._imposed: _Found | None = None
        self._tried = -math.inf
        self.problem = ""
        self.warning = ""

    def look(self) -> None:
        """Bring the settings up to date, as often as one likes: it fetches when that is due, and blocks then."""
        want = self._begin()
        if want is not None:
            self._finish(want, *self._gather(want))

    async def look_beside(self) -> None:
        """The same without blocking the loop."""
        want = self._begin()
        if want is not None:
            self._finish(want, *await asyncio.to_thread(self._gather, want))

    def _begin(self) -> Wanted | None:
        try:
            want = wanted(self._config.user)
        except BadRemote as bad:
            self.problem = str(bad)
            return None
        source = None if want is None else (want.url, want.key)
        if source != self._source:
            # What somebody else signed, or what lay elsewhere, is not this administrator's word any more.
            self._config.impose(None, self._path)
            self._source, self._imposed, self._tried, self.warning = source, None, -math.inf, ""
        if want is None:
            self.problem = ""
        return want

    def _gather(self, want: Wanted) -> tuple[list[_Found], str]:
        """What is kept and what could be fetched, as far as it is due and signed; and what was wrong with the last."""
        found: list[_Found] = []
        warning = ""
        fetched = 0.0 if self._imposed is None else self._imposed.fetched
        if self._imposed is None:
            kept = keeping.read(self._path)
            if kept is not None and kept.url == want.url:
                try:
                    said = verified(want.key, kept.data, kept.signature)
                    fetched = min(kept.fetched, self._clock())
                    found.append(_Found(kept.data, kept.signature, said, fetched, kept=True))
                except BadRemote as bad:
                    warning = f"{self._path}: {bad}"
        now = self._clock()
        # A clock that went back must not keep an old policy for ever.
        if 0 <= now - fetched < want.refresh_s:
            return found, warning
        if want.barred:
            return found, want.barred
        if not self.problem and 0 <= now - self._tried < min(want.refresh_s, RETRY_S):
            return found, self.warning
        self._tried = now
        try:
            data, signature = self._get(want.url), self._get(signature_url(want.url))
            found.append(_Found(data, signature, verified(want.key, data, signature), now))
            warning = ""
        except NotFetched as error:
            warning = str(error)
        except BadRemote as bad:
            warning = f"{want.url}: {bad}"
        return found, warning

    def _finish(self, want: Wanted, found: list[_Found], warning: str) -> None:
        self.warning = warning
        for one in found:
            try:
                self._impose(one)
            except BadRemote as bad:
                self.warning = f"{want.url}: {bad}"
                continue
            if not one.kept:
                self._keep(want, one)
        self._judge(want, self._clock())

    def _impose(self, found: _Found) -> None:
        last, serial = self._imposed, found.stated.serial
        if last is not None and serial < last.stated.serial:
            raise BadRemote(f"its serial {serial} is lower than {last.stated.serial}, which was in force already")
        if last is not None and serial == last.stated.serial and found.data != last.data:
            raise BadRemote(f"another policy had the serial {serial} already; give each its own")
        # One that is kept counts no more either, see `_judge`; its serial is what a fetched one must not be below.
        if not found.kept and (expired := found.stated.expired(self._clock())):
            raise BadRemote(expired)
        if last is None or found.data != last.data:
            try:
                self._config.impose(found.data, self._path)
            except Problem as bad:
                raise BadRemote(str(bad)) from None
        self._imposed = found

    def _keep(self, want: Wanted, found: _Found) -> None:
        try:
            keeping.write(self._path, Kept(want.url, found.data, found.signature, found.fetched))
        except (Problem, OSError) as error:
            self.warning = f"{error}; after a restart it has to be fetched"

    def _judge(self, want: Wanted, now: float) -> None:
        last = self._imposed
        why = f" ({self.warning})" if self.warning else ""
        if last is None:
            self.problem = f"the policy of this workspace is not to be had{why}; nothing is served without it: {_AGAIN}"
        elif expired := last.stated.expired(now):
            self.problem = f"the policy of this workspace has expired: {expired}{why}; nothing is served meanwhile"
        elif now - last.fetched > want.max_age_s:
            hours = f"{want.max_age_s / 3600:g}"
            self.problem = f"the policy of this workspace is older than {hours} hours{why}; nothing is served: {_AGAIN}"
        else:
            self.problem = ""

    def in_force(self) -> str:
        """Which policy counts while no newer one is to be had, for the log; ``""`` where none does."""
        last = self._imposed
        if last is None or self.problem:
            return ""
        return f"{last.stated}, verified {max(0.0, self._clock() - last.fetched) / 3600:.1f} hours ago"


def as_kept(config: Any, path: Path) -> Remote:
    """The policy from elsewhere as a proxy has kept it at ``path``, imposed on the settings; nothing is fetched."""
    made = Remote(config, path, get=_not_asked)
    made.look()
    return made


def _not_asked(url: str) -> bytes:
    raise NotFetched("a proxy fetches it and nothing else: codex-plus run")


def _fetch(url: str) -> bytes:
    # Late: most proxies have nothing to fetch, and what does it takes a while to import.
    from .fetching import fetch

    return fetch(url)
