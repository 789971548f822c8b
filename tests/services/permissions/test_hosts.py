"""WebFetch rules and the hosts that URLs lead to."""

from __future__ import annotations

import pytest
from services.permissions.rules import rules

from codexplus_core.services.permissions import Fetch


@pytest.mark.parametrize(
    ("rule", "url"),
    [
        ("WebFetch(domain:example.com)", "https://example.com/a?b"),
        ("WebFetch(domain:example.com)", "http://EXAMPLE.com:8080/".lower()),
        ("WebFetch(domain:Example.COM.)", "https://example.com"),
        ("WebFetch(domain:*.example.com)", "https://a.b.example.com/"),
        ("WebFetch(domain:*)", "https://anything.test/"),
        ("WebFetch", "https://anything.test/"),
        ("WebFetch(domain:127.0.0.1)", "http://127.0.0.1:3000/"),
    ],
)
def test_a_plain_address_is_allowed(rule: str, url: str) -> None:
    assert rules(allow=[rule]).judge(Fetch(url)).decision == "allow"


@pytest.mark.parametrize(
    "url",
    [
        "https://sub.example.com/",
        "https://example.com.evil.test/",
        "https://evil.test/example.com",
        "https://example.com@evil.test/",
        "https://user@example.com/",
        "https://example.com\\@evil.test/",
        "https://example.com./",
        "https://exаmple.com/",
        "https://example.com\t/",
        "https://example.com:/",
        "https://example.com:99999/",
        "https://%65xample.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "example.com",
        "https://[example.com",
        "",
    ],
)
def test_another_or_an_odd_address_is_asked_about(url: str) -> None:
    assert rules(allow=["WebFetch(domain:example.com)"]).judge(Fetch(url)).decision == "ask"


@pytest.mark.parametrize(
    ("rule", "url"),
    [
        ("WebFetch(domain:example.com)", "https://example.com/"),
        ("WebFetch(domain:example.com)", "https://sub.example.com/"),
        ("WebFetch(domain:example.com)", "https://EXAMPLE.com./"),
        ("WebFetch(domain:example.com)", "https://%65xample.com/"),
        ("WebFetch(domain:example.com)", "https://user@example.com/"),
        ("WebFetch(domain:example.com)", "https://example.com\\@evil.test/"),
        ("WebFetch(domain:127.0.0.1)", "http://2130706433/"),
        ("WebFetch(domain:127.0.0.1)", "http://0x7f.1/"),
        ("WebFetch(domain:127.0.0.1)", "http://0177.0.0.1/"),
        ("WebFetch(domain:127.0.0.1)", "http://127.1/"),
        ("WebFetch(domain:bücher.example)", "https://xn--bcher-kva.example/"),
        ("WebFetch", "anything"),
        ("WebFetch(example.com)", "https://anything.test/"),
    ],
)
def test_a_denied_host_is_denied_in_every_spelling(rule: str, url: str) -> None:
    assert rules(allow=["WebFetch"], deny=[rule]).judge(Fetch(url)).decision == "deny"


def test_a_denied_host_leaves_others_alone() -> None:
    found = rules(allow=["WebFetch"], deny=["WebFetch(domain:example.com)"])

    assert found.judge(Fetch("https://notexample.com/")).decision == "allow"
