"""Which hosts and addresses a sign-in may reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Problem
from codexplus_mcp.reach import Reach, is_loopback, same_site, split

FAR = Reach()


@pytest.mark.abuse("G01")
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_no_address_that_is_not_public_is_reached_however_it_is_written(address: IPv4Address | IPv6Address) -> None:
    if address.is_global and not address.is_multicast:
        return
    forms: list[IPv4Address | IPv6Address] = [address]
    if isinstance(address, IPv4Address):
        number = int(address)
        mapped = [0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
        forms += map(IPv6Address, mapped)

    for form in forms:
        with pytest.raises(Problem):
            FAR.permitted("mcp.example.com", [form])


@given(st.one_of(st.ip_addresses(v=4, network="169.254.0.0/16"), st.ip_addresses(v=6, network="fe80::/10")))
def test_link_local_addresses_are_reached_by_no_setting(address: IPv4Address | IPv6Address) -> None:
    with pytest.raises(Problem):
        Reach(loopback=True, private=frozenset({"x", "*.x"})).permitted("x", [address])


def test_a_private_address_is_reached_for_the_hosts_that_the_user_names() -> None:
    reach = Reach(private=frozenset({"git.corp", "*.corp.example"}))
    address = ip_address("10.0.0.1")

    assert reach.permitted("git.corp", [address]) == (address,)
    assert reach.permitted("a.b.corp.example", [address]) == (address,)
    for other in ("corp.example", "evilcorp.example", "x.git.corp"):
        with pytest.raises(Problem):
            reach.permitted(other, [address])


def test_of_several_addresses_only_the_permitted_ones_are_left() -> None:
    good, bad = ip_address("93.184.216.34"), ip_address("127.0.0.1")

    assert FAR.permitted("x", [bad, good]) == (good,)


@pytest.mark.parametrize("host", ["localhost", "x.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_the_names_of_this_machine_are_known(host: str) -> None:
    assert is_loopback(host)


@given(st.text(max_size=60))
def test_what_is_a_url_has_a_host_and_only_plain_characters(text: str) -> None:
    for url in (text, f"https://{text}"):
        try:
            parts = split(url, "it")
        except Problem as problem:
            assert text == "" or len(text) < 8 or text not in str(problem)
            continue
        assert parts.hostname
        assert parts.scheme in ("http", "https")
        assert not set(url) & set(" \"'<>\\^`{|}\n\r\t\x00") - {"'"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("auth.example.com", "auth.example.com", True),
        ("auth.example.com", "api.example.com", True),
        ("example.com", "auth.example.com", True),
        ("auth.acme.co.uk", "api.acme.co.uk", True),
        ("acme.co.uk", "evil.co.uk", False),
        ("acme.com", "evil.com", False),
        ("a.workers.dev", "b.workers.dev", False),
        ("x.a.workers.dev", "a.workers.dev", True),
        ("x.a.workers.dev", "y.a.workers.dev", False),
        ("one.execute-api.eu-west-1.amazonaws.com", "two.execute-api.eu-west-1.amazonaws.com", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("localhost", "localhost", True),
    ],
)
def test_which_hosts_are_the_same_peoples(one: str, other: str, same: bool) -> None:
    assert same_site(one, other) is same
    assert same_site(other, one) is same
