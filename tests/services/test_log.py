"""What the proxy logs is one line of JSON without secrets."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from services.redact.corpus import TOKENS

from codexplus_core.services.log import open_log
from codexplus_core.services.redact import Redactor

SECRET = TOKENS["github classic"](random.Random(1)).text


def logged(event: str, *, token: str = "", redactor: Redactor | None = None, **fields: Any) -> str:
    out = io.StringIO()
    open_log(out, level="debug", token=token, redactor=redactor).error(event, **fields)
    return out.getvalue()


@pytest.mark.req("X2")
@pytest.mark.abuse("A23")
def test_the_proxys_token_is_in_no_field() -> None:
    line = logged(
        "refused", token="an-ordinary-word", path="/an-ordinary-word/v1", rows=[{"url": "x/an-ordinary-word"}]
    )

    assert "ordinary" not in line
    assert json.loads(line)["path"] == "/[REDACTED:token]/v1"


@pytest.mark.req("X2", "P12")
@pytest.mark.abuse("H13")
def test_headers_and_keys_are_in_no_field_at_any_level() -> None:
    line = logged(
        "debug", headers={"authorization": "Bearer x"}, reason=f"key {SECRET}", argv=["x", "--token", "plain"]
    )

    found = json.loads(line)
    assert SECRET not in line
    assert found["headers"] == {"authorization": "[REDACTED:authorization]"}
    assert found["argv"] == ["x", "--token", "[REDACTED:token]"]


@pytest.mark.req("X2")
@pytest.mark.abuse("H04")
def test_the_text_of_an_exception_is_redacted() -> None:
    try:
        raise ValueError(f"no such key: {SECRET}")
    except ValueError as error:
        line = logged("failed", exc_info=error, error=error)

    found = json.loads(line)
    assert SECRET not in line
    assert "ValueError: no such key: [REDACTED:github]" in found["exception"]
    assert found["error"] == "ValueError('no such key: [REDACTED:github]')"


def test_secrets_and_patterns_of_the_user_are_kept_out_too() -> None:
    redactor = Redactor([("employee", "E-[0-9]{4}")], [("lent", "some-lent-value")])

    line = logged("ran", redactor=redactor, token="an-ordinary-word", output="E-1234 some-lent-value an-ordinary-word")

    assert json.loads(line)["output"] == "[REDACTED:employee] [REDACTED:lent] [REDACTED:token]"


@pytest.mark.abuse("H05")
def test_a_field_cannot_end_the_line_or_write_to_a_terminal() -> None:
    line = logged("odd", text='a\n{"event": "forged"}\x1b[2J\u2028\u202e')

    assert line.count("\n") == 1
    assert line.isascii()
    assert "\x1b" not in line
    assert json.loads(line)["event"] == "odd"


def test_ordinary_events_keep_their_words_and_numbers() -> None:
    line = logged("hook_failed", plugin="x", hook="on_chunk", usage={"input_tokens": 5, "total_tokens": 7}, took=0.5)

    found = json.loads(line)
    assert {key: found[key] for key in ("plugin", "hook", "usage", "took", "level")} == {
        "plugin": "x",
        "hook": "on_chunk",
        "usage": {"input_tokens": 5, "total_tokens": 7},
        "took": 0.5,
        "level": "error",
    }
