"""Getting a small file over https: no redirects, bounded in size and time, certificates as everywhere."""

from __future__ import annotations

from ..web import NoAnswer, ask
from .endpoints import BadEndpoint, endpoint_of
from .remote import NotFetched

LIMIT = 64 * 1024
"""Bytes that are read; a policy's own file may not be larger either."""
LIMIT_S = 10.0
_HEADERS = {"User-Agent": "codex-plus", "Accept": "*/*"}


def fetch(url: str) -> bytes:
    """What lies at ``url``; https only, but for this machine. Blocks for up to 10 s a step. Raises NotFetched."""
    try:
        found = endpoint_of(url)
        if found.scheme != "https" and not (found.scheme == "http" and found.local):
            raise NotFetched(f"{url}: only https is fetched")
        data = ask(url, headers=_HEADERS, timeout_s=LIMIT_S, most=LIMIT + 1)
    except (BadEndpoint, NoAnswer) as why:
        raise NotFetched(f"{url}: {why}") from None
    if len(data) > LIMIT:
        raise NotFetched(f"{url}: is larger than {LIMIT} bytes")
    return data
