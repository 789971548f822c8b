"""Which line of a failed program's standard error its user reads."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_world import BOUND, Place

from codexplus_mcp.complaint import LONGEST, complaint_in
from codexplus_mcp.failure import Unavailable

# As npm 10.9 wrote it for `npx -y no-such-package-of-anybody`.
NPM = """\
npm error code E404
npm error 404 Not Found - GET https://registry.example.org/no-such-package-of-anybody - Not found
npm error 404
npm error 404  'no-such-package-of-anybody@*' is not in this registry.
npm error 404
npm error 404 Note that you can also install from a
npm error 404 tarball, folder, http url, or git folder.
npm error A complete log of this run can be found in: /home/user/.npm/_logs/2026-11-22T01_00_00_000Z-debug-0.log
"""
OFFLINE = """\
npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error errno ENOTFOUND
npm error network request to https://registry.example.org/x failed, reason: getaddrinfo ENOTFOUND registry.example.org
npm error network This is a problem related to network connectivity.
npm error A complete log of this run can be found in: /home/user/.npm/_logs/x.log
"""
UV = """\
  × No solution found when resolving tool dependencies:
  ╰─▶ Because no-such-server was not found in the package registry and you require no-such-server, we can
      conclude that your requirements are unsatisfiable.
"""
NODE = """\
node:internal/modules/cjs/loader:1228
  throw err;
  ^

Error: Cannot find module '/srv/server.js'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15)
  code: 'MODULE_NOT_FOUND',
  requireStack: []
}

Node.js v22.11.0
"""
PYTHON = """\
INFO starting
Traceback (most recent call last):
  File "/srv/server.py", line 1, in <module>
    import mcp_thing
ModuleNotFoundError: No module named 'mcp_thing'
"""
DOCKER = """\
Unable to find image 'nobody/none:latest' locally
docker: Error response from daemon: pull access denied for nobody/none, repository does not exist.

Run 'docker run --help' for more information
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (NPM, "404 Not Found - GET https://registry.example.org/no-such-package-of-anybody - Not found"),
        (OFFLINE, "network request to https://registry.example.org/x failed, reason: getaddrinfo ENOTFOUND registry"),
        (UV, "Because no-such-server was not found in the package registry"),
        (NODE, "Cannot find module '/srv/server.js'"),
        (PYTHON, "ModuleNotFoundError: No module named 'mcp_thing'"),
        (DOCKER, "docker: Error response from daemon: pull access denied for nobody/none"),
        ("sh: 1: serve: not found\n", "sh: 1: serve: not found"),
        ("listening\nSLACK_TOKEN is missing\nbye\n", "SLACK_TOKEN is missing"),
        ("one\ntwo\n", "two"),
        ("", ""),
        ("\x1b[31mred\n\n", "red"),
    ],
)
def test_the_line_that_says_what_went_wrong_is_chosen(text: str, line: str) -> None:
    assert complaint_in(text).startswith(line)


@given(st.text())
def test_whatever_a_program_writes_one_line_of_it_can_be_shown(text: str) -> None:
    shown = complaint_in(text)

    assert len(shown) <= LONGEST
    assert all(char.isprintable() for char in shown)


async def test_a_start_that_fails_shows_that_line(tmp_path: Path, private_home: Path) -> None:
    place = Place(tmp_path, private_home)
    words = f"import sys; sys.stderr.write({NPM!r}); sys.exit(1)"
    place.mine(odd={"command": sys.executable, "args": ["-I", "-c", words]})
    async with asyncio.timeout(BOUND), place.connections() as connections:
        with pytest.raises(Unavailable) as failure:
            await connections.get(place.server()).connect()

    assert "it ended with code 1, saying: 404 Not Found - GET https://registry" in str(failure.value)
    assert "complete log" not in str(failure.value)
