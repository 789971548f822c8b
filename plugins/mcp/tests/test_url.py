"""One spelling for each URL: what lists compare, and what is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_mcp.allowed import Lists
from codexplus_mcp.entry import read_entry
from codexplus_mcp.url import settled, settled_path


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTPS://A.Example:443/mcp", "https://a.example/mcp"),
        ("http://a.example:80", "http://a.example"),
        ("https://a.example:8443/x?q=%2e#f", "https://a.example:8443/x?q=%2e"),
        ("https://a.example/ok/../secret", "https://a.example/secret"),
        ("https://a.example/ok/%2e%2E/secret", "https://a.example/secret"),
        ("https://a.example/ok/./x/..", "https://a.example/ok/"),
        ("https://a.example/../..", "https://a.example/"),
        ("https://a.example/%6dcp/%c3%a9", "https://a.example/mcp/%C3%A9"),
        ("https://a.example/ok/..;v=1/secret", "https://a.example/secret"),
        ("https://a.example/ok\\..\\secret", "https://a.example/secret"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://[::1]:443/mcp", "https://[::1]/mcp"),
    ],
)
def test_spellings_of_one_url_are_one(url: str, same: str) -> None:
    assert settled(url) == same


@given(st.text(st.sampled_from("/.a%2eE;\\"), max_size=30))
def test_a_settled_path_is_settled_and_leads_nowhere_up(path: str) -> None:
    found = settled_path(f"/{path}")

    assert settled_path(found) == found
    assert not {".", ".."} & set(found.split("/"))


@pytest.mark.parametrize(
    "pattern", ["https://bücher.example/*", "https://BÜCHER.example", "https://*.bücher.example/*"]
)
def test_a_list_means_a_host_in_whichever_letters_it_is_written(pattern: str) -> None:
    host = "x.bücher.example" if "*." in pattern else "bücher.example"
    entry = read_entry({"type": "http", "url": f"https://{host}/"}, strict=False)

    assert (
        Lists({"deniedMcpServers": [{"serverUrl": pattern}]}).standing("s", entry, shared=False, trusted=True)
        == "denied"
    )
