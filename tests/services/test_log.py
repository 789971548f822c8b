"""What the proxy logs is one line without secrets, as JSON or to read, and says which request it is about."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from services.redact.corpus import TOKENS

from codexplus_core import Exchange, LocalReply, hookimpl
from codexplus_core.proxy.build import build
from codexplus_core.services.log import open_log, request_id
from codexplus_core.services.redact import Redactor
from codexplus_core.services.settings import LogFormat, ServeSettings
from codexplus_core.testing import Harness

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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def to_read(event: str, **fields: Any) -> str:
    out = io.StringIO()
    open_log(out, form="human").warning(event, **fields)
    return out.getvalue()


def test_a_line_to_read_has_time_level_event_and_fields() -> None:
    line = to_read("request_refused", code="foreign_host", status=421, reason="not this one", rows=[1, {"a": None}])

    when, _, rest = line.partition(" ")
    assert len(when) == 8 and when.count(":") == 2
    assert rest == (
        'warning request_refused code=foreign_host status=421 reason="not this one" rows=[1, {"a": null}]\n'
    )


@pytest.mark.parametrize(
    ("out", "form", "json_expected"),
    [
        (io.StringIO, None, True),
        (Terminal, None, False),
        (Terminal, "json", True),
        (io.StringIO, "human", False),
    ],
)
def test_a_terminal_gets_lines_to_read_and_everybody_else_json_unless_told(
    out: type[io.StringIO], form: LogFormat | None, json_expected: bool
) -> None:
    stream = out()

    open_log(stream, form=form).error("failed")

    assert stream.getvalue().startswith("{") == json_expected


@pytest.mark.req("X2", "P12")
@pytest.mark.abuse("H04", "H05", "H13")
@pytest.mark.parametrize("form", ["json", "human"])
def test_no_form_lets_a_secret_through_or_speaks_to_a_terminal(form: LogFormat) -> None:
    out = io.StringIO()
    log = open_log(out, form=form, token="an-ordinary-word", redactor=Redactor([("employee", "E-[0-9]{4}")]))
    evil = f"\x1b]0;evil\x07\n\u2028\u202e\r{SECRET} an-ordinary-word E-1234"
    try:
        raise ValueError(evil)
    except ValueError as error:
        log.error(evil, exc_info=error, **{evil: evil}, headers={"authorization": f"Bearer {SECRET}"}, error=error)

    written = out.getvalue()
    assert not any(secret in written for secret in (SECRET, "an-ordinary-word", "E-1234"))
    assert written.isascii() and set(written) - {"\n"} == {char for char in written if " " <= char <= "~"}
    # A traceback has lines of its own, set in; nothing else has.
    assert [line for line in written.splitlines()[1:] if not line.startswith("    ")] == []


@pytest.mark.parametrize("form", ["json", "human"])
@pytest.mark.transports("http", "websocket")
async def test_all_lines_about_a_request_have_its_id_and_others_have_another(form: LogFormat) -> None:
    out = io.StringIO()
    log = open_log(out, form=form)

    class Logs:
        @hookimpl
        async def on_request(self, exchange: Exchange) -> LocalReply:
            log.warning("one")
            log.warning("two")
            return LocalReply("done")

    async with Harness([Logs()]) as proxy:
        await proxy.say("first")
        await proxy.say("second")
    assert request_id.get() == ""
    log.warning("outside")

    lines = out.getvalue().splitlines()
    if form == "json":
        ids = [json.loads(line).get("request") for line in lines]
    else:
        ids = [line.partition("request=")[2] or None for line in lines]
    assert ids[0] == ids[1] and ids[2] == ids[3] and ids[4] is None
    assert all(ids[:4]) and ids[0] != ids[2]


async def test_a_refused_request_has_an_id_as_well(tmp_path: Path, private_home: Path, capfd: Any) -> None:
    app = build(ServeSettings("127.0.0.1", 3000, None, (), tmp_path, log_format="json"))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/v1", "raw_path": b"/v1", "query_string": b"",
             "headers": [(b"host", b"evil.example")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 3000),
             "http_version": "1.1", "extensions": {}}  # fmt: skip
    try:
        await app(scope, receive, send)
        await app(scope, receive, send)
    finally:
        await app.stop()

    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["request_refused"] * 2
    assert len({line["request"] for line in lines}) == 2
    assert request_id.get() == ""
