"""Data loses its secrets by the names that they have and by what they look like."""

from __future__ import annotations

import json
import random
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.redact.corpus import LOOK_ALIKES, TOKENS

from codexplus_core.services.redact import Redactor

REDACTOR = Redactor()
TOKEN = TOKENS["github classic"](random.Random(1)).text


@pytest.mark.req("X2")
@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "set-cookie",
        "password",
        "DB_PASSWORD",
        "passwd",
        "userPassword",
        "secret",
        "clientSecret",
        "SECRET_KEY_BASE",
        "api_key",
        "X-Api-Key",
        "apiKey",
        "OPENAI_API_KEY",
        "token",
        "access_token",
        "refreshToken",
        "id_token",
        "x-codexplus-token",
        "private_key",
        "aws_secret_access_key",
        "credentials",
        "passphrase",
        "auth",
        "admin_token",
    ],
)
def test_what_a_telling_name_holds_goes_whatever_it_looks_like(name: str) -> None:
    assert "plain" not in str(REDACTOR.value({name: "plain"}))
    assert "plain" not in str(REDACTOR.value([{"deep": [{name: {"in": ["plain"]}}]}]))


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens",
        "max_output_tokens",
        "total_tokens",
        "token_count",
        "tokens",
        "tokenizer",
        "token_type",
        "token_limit",
        "next_page_token",
        "pad_token",
        "prompt_cache_key",
        "key",
        "keyboard",
        "secret_name",
        "secretName",
        "password_file",
        "private_key_id",
        "token_url",
        "authorization_endpoint",
        "author",
        "secretary",
        "passwordless",
        "monkey",
        "name",
        "session_id",
        "thread_id",
    ],
)
def test_what_an_ordinary_name_holds_stays(name: str) -> None:
    assert REDACTOR.value({name: "plain"}) == {name: "plain"}


def test_numbers_stay_unless_they_are_passwords() -> None:
    given = {"token": 5, "tokens": 7, "password": 12345678, "cookie": True, "secret": None, "ratio": 0.5}

    assert REDACTOR.value(given) == {**given, "password": "[REDACTED:password]"}


def test_a_list_of_pairs_is_read_like_an_object() -> None:
    headers = [(b"host", b"x"), (b"authorization", b"Bearer plain"), (b"x-api-key", b"plain")]

    assert REDACTOR.value(headers) == [
        (b"host", b"x"),
        (b"authorization", b"[REDACTED:authorization]"),
        (b"x-api-key", b"[REDACTED:api-key]"),
    ]
    assert REDACTOR.value([["cookie", "a"], ["b", "c"]]) == [["cookie", "[REDACTED:cookie]"], ["b", "c"]]


def test_a_name_beside_its_value_counts_as_its_name() -> None:
    assert REDACTOR.value([{"name": "API_KEY", "value": "plain"}, {"name": "LANG", "value": "C"}]) == [
        {"name": "API_KEY", "value": "[REDACTED:api-key]"},
        {"name": "LANG", "value": "C"},
    ]


def test_the_word_after_a_telling_option_of_a_command_goes() -> None:
    assert REDACTOR.value(["deploy", "--api-token", "plain", "--to", "plain", "--password=hunter2"]) == [
        "deploy",
        "--api-token",
        "[REDACTED:token]",
        "--to",
        "plain",
        "--password=[REDACTED:password]",
    ]


@pytest.mark.req("X2")
@pytest.mark.abuse("H04")
def test_texts_are_read_too_with_json_in_them_however_deep() -> None:
    inner = json.dumps({"password": 'a "quoted" one', "note": TOKEN, "n": 1})
    deep = json.dumps({"body": inner})

    for text in (inner, deep, json.dumps({"body": deep})):
        safe = REDACTOR.value({"output": text})["output"]

        assert "quoted" not in safe
        assert TOKEN[8:] not in safe
        assert safe.count("[REDACTED:") == 2


def test_keys_are_read_like_texts() -> None:
    assert REDACTOR.value({TOKEN: 1}) == {"[REDACTED:github]": 1}


class Login(NamedTuple):
    user: str
    password: str


@dataclass
class Account:
    user: str
    access_token: str


def test_an_object_that_shows_a_secret_is_replaced_by_what_it_shows() -> None:
    assert REDACTOR.value(Path("/tmp/x")) == Path("/tmp/x")
    assert "abc12345678" not in repr(REDACTOR.value({"who": Account("bob", "abc12345678")}))
    assert TOKEN not in repr(REDACTOR.value([ValueError(f"bad {TOKEN}")]))
    assert "abc12345678" not in repr(REDACTOR.value({"token": Account("bob", "abc12345678")}))


def test_what_holds_itself_comes_to_an_end() -> None:
    loop: dict[str, Any] = {"a": 1}
    loop["self"] = loop
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]

    assert REDACTOR.value(loop) == {"a": 1, "self": "[REDACTED:nested]"}
    assert "[REDACTED:nested]" in repr(REDACTOR.value(deep))


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    raw = bytes(range(256)) + b" " + TOKEN.encode() + b" \xff"

    assert REDACTOR.bytes(raw) == bytes(range(256)) + b" [REDACTED:github] \xff"
    assert REDACTOR.value(OrderedDict(a=raw)) == {"a": REDACTOR.bytes(raw)}


def test_what_is_given_is_not_changed() -> None:
    given = {"password": "plain", "rows": [{"token": "plain"}]}

    REDACTOR.value(given)

    assert given == {"password": "plain", "rows": [{"token": "plain"}]}


NAMES = st.sampled_from(["password", "token", "name", "value", "a", "cookies", TOKEN])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([TOKEN, "x", "", f"password={TOKEN}", *LOOK_ALIKES[:5]])
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


@pytest.mark.req("X2")
@given(DATA)
def test_no_data_keeps_a_token_and_a_second_time_changes_nothing(data: Any) -> None:
    once = REDACTOR.value(data)

    assert TOKEN not in json.dumps(once)
    assert REDACTOR.value(once) == once


@pytest.mark.abuse("H01")
@pytest.mark.parametrize(
    ("argv", "safe"),
    [
        (["curl", "-u", "ada:hunter2hunter2", "https://host"], ["curl", "-u", "[REDACTED:url-credentials]", "https://host"]),
        (["mysql", "-phunter2hunter2", "shop"], ["mysql", "-p[REDACTED:password]", "shop"]),
        (["sshpass", "-p", "hunter2hunter2", "ssh", "h"], ["sshpass", "-p", "[REDACTED:password]", "ssh", "h"]),
        (["docker", "run", "--user", "build", "image:12"], ["docker", "run", "--user", "build", "image:12"]),
        (["run", "--token", "abc", "--verbose", "x"], ["run", "--token", "[REDACTED:token]", "--verbose", "x"]),
    ],
)  # fmt: skip
def test_a_commands_words_hold_no_secret_that_only_the_whole_line_shows(argv: list[str], safe: list[str]) -> None:
    assert Redactor().value({"argv": argv}) == {"argv": safe}
    assert Redactor(secrets=[("mine", "not in it")]).value(argv) == safe


@given(st.lists(st.sampled_from([
    "curl", "-u", "ada:hunter2hunter2", "--token", "ghp_0123456789abcdefghij0123456789abcdef", "git",
    "password=Xq7vB2pLm9",
    "https://a:bcdefghij@h/x", "-p", "plain", "", "[REDACTED:token]", "Authorization: Bearer abcdefghijklmnop012345",
])))  # fmt: skip
def test_words_lose_all_that_each_of_them_would_lose_alone(argv: list[str]) -> None:
    redactor = Redactor()

    safe = redactor.value(argv)

    assert len(safe) == len(argv)
    for before, after in zip(argv, safe, strict=True):
        alone = redactor.text(before)
        assert after == alone or "[REDACTED:" in after
    assert redactor.value(safe) == safe
