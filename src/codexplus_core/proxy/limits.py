"""The server's and the process's settings that the guard's promises rest on."""

from __future__ import annotations

from typing import Any

OPEN_FILES = 65536
"""The most connections and files that ``raise_open_files`` asks for; some programs walk through all they may have."""


def hypercorn_limits() -> dict[str, Any]:
    """Attributes to set on a ``hypercorn.config.Config``; everything else is the server's own choice.

    - ``h11_pass_raw_headers``: the client's header case survives to upstream.
    - ``h11_max_incomplete_size``: a request's head stays under 64 KiB (431 above; a head that arrives in one read can
      be as large as that read, 64 KiB too). Codex's heads, token included, are about 4 KiB.
    - ``keep_alive_timeout``: also the time that a connection may take over its first head, so it bounds slow senders.
    - ``read_timeout`` stays None: it would count while the client rightly waits for a long answer.
    - ``websocket_max_message_size``: as large as a request body may be.

    HTTP/2 on the plain port (prior knowledge or ``Upgrade: h2c``) cannot be turned off by a setting: hypercorn speaks
    it and hands the guard a scope with ``http_version`` "2", which the guard refuses.
    """
    return {
        "h11_pass_raw_headers": True,
        "h11_max_incomplete_size": 64 * 1024,
        "keep_alive_timeout": 120,
        "keep_alive_max_requests": 1_000_000_000,
        "read_timeout": None,
        "websocket_max_message_size": 64 * 1024 * 1024,
        "include_server_header": False,
        "include_date_header": False,
        "accesslog": None,
    }


def raise_open_files() -> int:
    """Let this process have as many open files as it may, OPEN_FILES at most; the limit from now on, 0 where unknown.

    A connection that its client closed unanswered stays open here until ``keep_alive_timeout``, so anybody who reaches
    the port can use up what there is; 1024, the usual limit, is used up in a moment.
    """
    try:
        import resource
    except ImportError:
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        # macOS says "no limit" and takes 10240.
        return soft
    return wanted
