"""The range of versions of Codex that may be used."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.config.governed import versions as shape
from codexplus_core.services.config.shapes import BAD
from codexplus_enterprise.policy.versions import BadRange, Versions


@pytest.mark.parametrize(
    ("text", "version", "allowed"),
    [
        (">=0.120, <0.170", "0.169.0", True), (">=0.120, <0.170", "0.170.0", False),
        (">=0.120,<0.170", "0.98.0", False),
        ("0.169", "0.169.0", True), ("==0.169.*", "0.169.7", True), ("!=0.169.*", "0.169.7", False),
        ("0.169.*", "0.16.9", False), ("~=0.169", "0.200.1", True), ("~=0.169.2", "0.169.9", True),
        ("~=0.169.2", "0.170.0", False), (">0.169", "0.169.0", False), ("<=0.169", "0.169.0", True),
        ("!=0.150.0", "0.150.0", False), (">=0.170", "0.170.0-alpha.2", True), (">=0.1", "", False),
    ],
)  # fmt: skip
def test_a_range_means_what_it_says(text: str, version: str, allowed: bool) -> None:
    assert Versions(text).allows(version) is allowed


@pytest.mark.parametrize("text", [">=", "0.169 0.170", "===1", "~=1", ">=1.*", "latest", ">=0.1,,<2", "1.2.3.4.5"])
def test_what_is_no_range_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadRange, match="is no range of versions"):
        Versions(text)
    assert shape(text).value is BAD


@given(st.from_regex(r"(==|!=|~=|>=|<=|>|<)? ?[0-9.*]{1,9}(, ?(<|!=)[0-9.*]{1,5})?", fullmatch=True))
def test_the_settings_take_exactly_what_can_be_read(text: str) -> None:
    try:
        Versions(text)
        readable = True
    except BadRange:
        readable = False

    assert (shape(text).value is not BAD) is readable


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.req("E5")
async def test_another_version_is_refused_in_words_and_the_right_one_is_not(workspace: Any, transport: Any) -> None:
    workspace.policy("codex: {versions: '>=0.170'}\n")

    async with workspace.proxy(transport=transport) as proxy:
        refused = await proxy.say("hello")
        workspace.policy("codex: {versions: '>=0.120, <0.170'}\n")
        passed = await proxy.say("hello")

    assert refused.error is not None
    assert refused.error.startswith("This workspace allows Codex >=0.170; this is 0.169.0.")
    assert passed.text == "Hello from the script."


@pytest.mark.req("E5")
async def test_a_client_that_names_no_version_is_refused(workspace: Any) -> None:
    workspace.policy("codex: {versions: '>=0.1'}\n")

    async with workspace.proxy() as proxy:
        reply = await proxy.request("GET", "/v1/models")

    assert reply.status == 403
    assert b"does not say which it is" in reply.body
