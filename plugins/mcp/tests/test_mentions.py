"""Which words of a prompt are resources of a server, and which URIs a template has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_mcp.resources import fits, mentions_in
from codexplus_mcp.server import Server, ServerSet

pytestmark = pytest.mark.req("M5")
SERVERS = ServerSet(
    (
        Server("s", "user", "stdio"),
        Server("s:x", "user", "stdio"),
        Server("off", "user", "stdio", standing="disabled"),
        Server("a b", "project", "http", standing="asks"),
    )
)


def found(text: str) -> list[tuple[str, str]]:
    return [(mention.server.name, mention.uris[0]) for mention in mentions_in(text, SERVERS)]


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Review @s:issue://ENG-123 please", [("s", "issue://ENG-123")]),
        ("@s:issue://ENG-123", [("s", "issue://ENG-123")]),
        ("see\n@s:a://b", [("s", "a://b")]),
        ('Review @"s:doc://with space" please', [("s", "doc://with space")]),
        ('@"a b:x://y"', [("a b", "x://y")]),
        ("@s:x:y://z", [("s:x", "y://z")]),
        ("@s:one://1 and @s:two://2 and @s:one://1", [("s", "one://1"), ("s", "two://2")]),
        ("(@s:issue://ENG-123)", []),
        ("me@s:issue://ENG-123", []),
        ("@zz:issue://ENG-123", []),
        ("@S:issue://ENG-123", []),
        ("@off:issue://ENG-123", []),
        ("@s: nothing", []),
        ("@src/app.py", []),
        ("mail me @ s:issue://1", []),
    ],
)
def test_a_resource_is_a_servers_name_a_colon_and_a_uri(text: str, mentions: list[tuple[str, str]]) -> None:
    assert found(text) == mentions


def test_the_end_of_a_sentence_is_not_the_end_of_a_uri_unless_it_is() -> None:
    (mention,) = mentions_in("Look at @s:issue://ENG-123?).", SERVERS)

    assert mention.uris == ("issue://ENG-123?).", "issue://ENG-123?)", "issue://ENG-123?", "issue://ENG-123")


@pytest.mark.parametrize(
    ("template", "uri", "fitting"),
    [
        ("tpl://{id}", "tpl://7", True),
        ("tpl://{id}", "tpl://7/8", False),
        ("tpl://{+path}", "tpl://7/8", True),
        ("file:///{path*}", "file:///a/b", True),
        ("a://{x}/b{?q,r}", "a://1/b?q=2", True),
        ("a://{x}/b{?q,r}", "a://1/b", True),
        ("a://{x}.json", "a://1xjson", False),
        ("plain://x", "plain://x", True),
    ],
)
def test_a_template_has_the_uris_that_rfc_6570_gives_it(template: str, uri: str, fitting: bool) -> None:
    assert fits(template, uri) is fitting


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_has_mentions_that_stand_in_it(text: str) -> None:
    for mention in mentions_in(text, SERVERS):
        assert f"{mention.server.name}:{mention.uris[0]}" in text


@given(st.text("@s:x \"'.,)(", max_size=2000))
def test_a_text_made_of_signs_is_read_in_one_pass(text: str) -> None:
    assert len(mentions_in(text, SERVERS)) <= text.count("@")
