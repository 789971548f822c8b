"""What is shown of a server's settings: enough to know it, no secret, nothing that a terminal obeys."""

from __future__ import annotations

import pytest

from codexplus_mcp.shown import HIDDEN, args_of, oauth_of, plain, url_of, values_of


@pytest.mark.abuse("G10")
@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"Authorization": "Bearer abc"}, {"Authorization": HIDDEN}),
        ({"X-Api-Key": "abc"}, {"X-Api-Key": HIDDEN}),
        ({"GITHUB_TOKEN": "${GITHUB_TOKEN}"}, {"GITHUB_TOKEN": "${GITHUB_TOKEN}"}),
        ({"GITHUB_TOKEN": "${X:-secret}"}, {"GITHUB_TOKEN": HIDDEN}),
        ({"A": "b", "K": "V"}, {"A": "b", "K": "V"}),
        ({"K": "sk-abcdefghijklmnop"}, {"K": HIDDEN}),
    ],
)
def test_values_that_are_called_secret_or_look_it_are_hidden(values: dict[str, str], shown: dict[str, str]) -> None:
    assert values_of(values) == shown


def test_a_secret_in_an_argument_is_hidden() -> None:
    shown = args_of(["--api-key", "abc", "--token=def", "-y", "pkg", "https://u:p@h.example/x"])

    assert shown == ["--api-key", HIDDEN, f"--token={HIDDEN}", "-y", "pkg", f"https://{HIDDEN}@h.example/x"]


def test_a_url_keeps_its_host_and_loses_its_secrets() -> None:
    assert url_of("https://me:pw@h.example/mcp?api_key=x&page=2") == (
        f"https://{HIDDEN}@h.example/mcp?api_key={HIDDEN}&page=2"
    )
    assert url_of("http://[bad") == "http://[bad"


@pytest.mark.abuse("G10")
def test_what_is_said_about_signing_in_is_shown_without_its_secret() -> None:
    said = {
        "clientId": "app",
        "clientSecret": "s3cret",
        "callbackPort": 8976,
        "scopes": ["read", "sk-abcdefghijklmnop"],
        "authServerMetadataUrl": "https://me:pw@login.example/.well-known/openid-configuration",
        "more": {"refresh_token": "s3cret", "on": True, "none": None},
    }

    assert oauth_of(said) == {
        "clientId": "app",
        "clientSecret": HIDDEN,
        "callbackPort": 8976,
        "scopes": ["read", HIDDEN],
        "authServerMetadataUrl": f"https://{HIDDEN}@login.example/.well-known/openid-configuration",
        "more": {"refresh_token": HIDDEN, "on": True, "none": None},
    }


@pytest.mark.abuse("G18")
def test_no_text_of_a_server_moves_the_cursor_or_makes_markdown() -> None:
    assert plain("\x1b[2J**hi** [x](y)\n# no") == "`\\u{1b}[2J**hi** [x](y) # no`"
    assert plain("see https://evil.example") == "`see https://evil.example`"
    assert plain("a`](x)`b") == "``a`](x)`b``"
    assert plain("it did not start; try again") == "it did not start; try again"
