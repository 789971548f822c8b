"""A line holds no secret and nothing without bounds, and says so wherever something is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from services.transcripts.made_account import account, done, message

from codexplus_core.services.redact import Redactor
from codexplus_core.services.transcripts import Account
from codexplus_core.services.transcripts.cut import EXCHANGE_CHARACTERS, FIELD_CHARACTERS, MOST_ITEMS, NAME_CHARACTERS
from codexplus_core.services.transcripts.line import WORD_CHARACTERS, Scribe
from codexplus_core.services.transcripts.views import Views

KEY = "AKIAQYLPMN5HHHFPZAM2"


def line(given: Account, redactor: Redactor | None = None) -> dict[str, Any]:
    news = None if given.sent is None else Views().news(given.thread, given.sent, lambda: None)
    written = Scribe(redactor or Redactor()).line(given, news)
    assert written.endswith(b"\n") and written.count(b"\n") == 1
    found: dict[str, Any] = json.loads(written)
    return found


def test_a_line_says_what_was_typed_shown_and_sent_and_how_it_ended() -> None:
    found = line(account(shown=[done("hi")], sent=[message("changed")], tools=("lookup",), added=[message("hidden")]))

    assert (found["at"], found["prompt"]) == ("2023-11-14T22:13:20.250Z", "hello")
    assert found["shown"][0]["content"][0]["text"] == "hi"
    assert found["model"]["items"][0]["content"][0]["text"] == "changed"
    assert found["model"]["added"][0]["content"][0]["text"] == "hidden"
    assert found["model"]["tools"] == ["lookup"]
    assert found["outcome"]["usage"]["total_tokens"] == 7 and found["outcome"]["answered_by"] == "upstream"


def test_an_exchange_without_the_model_says_so() -> None:
    found = line(account(sent=None, typed=None))

    assert (found["model"], found["prompt"]) == (None, None)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"type": "error", "error": {"message": "no"}}, {"type": "error", "error": {"message": "no"}}),
        (
            {"type": "response.failed", "response": {"error": {"code": "x"}}},
            {"type": "response.failed", "error": {"code": "x"}},
        ),
        ({"type": "error", "message": "no"}, {"type": "error", "error": "no"}),
    ],
)  # fmt: skip
def test_a_failure_is_shown_as_one(event: dict[str, Any], shown: dict[str, Any]) -> None:
    assert line(account(shown=[json.dumps(event).encode()]))["shown"] == [shown]


@pytest.mark.abuse("E10")
def test_secrets_are_taken_out_wherever_they_stand() -> None:
    secret = "hunter2-hunter2-hunter2"
    call = {"type": "function_call", "call_id": "c", "name": "exec", "arguments": json.dumps({"password": secret})}
    output = {"type": "function_call_output", "call_id": "c", "output": f"export AWS_KEY={KEY}\n"}
    headers = {"type": "x", "headers": {"Authorization": f"Bearer {secret}"}}
    given = account(
        typed=f"use {KEY}", session="s", cwd=f"/tmp/{KEY}", shown=[done(KEY), json.dumps({"item": call}).encode()],
        sent=[message(KEY), json.dumps(output).encode(), json.dumps(headers).encode()], added=[message(KEY)],
        body=KEY.encode(), tools=(KEY,),
    )  # fmt: skip

    written = json.dumps(line(given))

    assert KEY not in written and secret not in written
    assert "[REDACTED:" in written


@pytest.mark.abuse("E10")
def test_a_secret_that_the_proxy_knows_is_taken_out() -> None:
    redactor = Redactor(secrets=[("token", "xylophone-in-the-attic")])

    assert "xylophone" not in json.dumps(line(account(typed="xylophone-in-the-attic"), redactor))


@pytest.mark.abuse("E10")
@pytest.mark.parametrize("before", range(0, 44, 3))
@pytest.mark.parametrize("kind", ["key", "known", "pem"])
def test_no_cut_leaves_a_part_of_a_secret(before: int, kind: str) -> None:
    secret = {"key": KEY, "known": "xylophone-in-the-attic", "pem": "-----BEGIN PRIVATE KEY-----\n" + "QUJDRA" * 40}[
        kind
    ]
    filler = "word " * (FIELD_CHARACTERS // 5 + 1)
    text = filler[: FIELD_CHARACTERS - before] + " " + secret + " " + filler

    found = line(account(typed=text), Redactor(secrets=[("known", "xylophone-in-the-attic")]))["prompt"]

    # At most what is no more than the beginning of an ordinary word.
    kept = found.partition("… [cut:")[0].rstrip()
    assert not any(kept.endswith(secret[:length]) for length in range(5, len(secret)))
    assert f"[cut: {len(text)} characters in all]" in found


@pytest.mark.abuse("E10")
@pytest.mark.parametrize("before", range(0, 60, 3))
def test_no_cut_of_a_word_of_the_head_or_of_a_fields_name_leaves_a_part_of_a_secret(before: int) -> None:
    def cut_at(most: int) -> str:
        return "a" * (most - before - 1) + " " + KEY + " and more" * 40

    item = {"type": "message", cut_at(NAME_CHARACTERS): "x", "call_id": "c"}
    kept = line(account(turn=cut_at(WORD_CHARACTERS), shown=[json.dumps({"item": item}).encode()]), Redactor())

    words = [kept["turn"], next(name for name in kept["shown"][0] if name.startswith("aaa"))]
    assert all(word.endswith("…") for word in words)
    assert not any(KEY[:length] in word for word in words for length in range(9, len(KEY)))


def test_a_long_text_is_cut_with_a_note_and_pictures_are_only_counted() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 5000}
    thoughts = {"type": "reasoning", "encrypted_content": "x" * 900, "summary": []}
    notes = {"type": "message", "internal_chat_message_metadata_passthrough": {"turn_id": "t"}}

    items = line(account(sent=[json.dumps(item).encode() for item in (picture, thoughts, notes)]))["model"]["items"]

    assert items[0]["image_url"] == "[data:image/png;base64: 5022 characters not kept]"
    assert items[1]["encrypted_content"] == "[900 characters not kept]"
    assert items[2] == {"type": "message"}


def test_a_huge_exchange_keeps_its_newest_items_and_counts_the_others() -> None:
    sent = [message(f"{number} " + "x" * 30_000) for number in range(40)]

    model = line(account(sent=sent))["model"]

    assert model["items"][-1]["content"][0]["text"].startswith("39 ")
    assert len(model["items"]) + model["items_left_out"] == 40
    assert len(json.dumps(model)) < EXCHANGE_CHARACTERS + FIELD_CHARACTERS

    many = line(account(sent=[message("x")] * (MOST_ITEMS + 5)))["model"]
    assert (len(many["items"]), many["items_left_out"]) == (MOST_ITEMS, 5)


@pytest.mark.abuse("E10")
def test_an_answer_that_is_no_stream_is_cut_with_a_note_and_within_no_secret() -> None:
    body = b"word " * 2000 + KEY.encode()

    (shown,) = line(account(body=body[:-4], body_size=len(body)))["shown"]

    assert shown["text"].endswith(f"… [cut: {len(body)} bytes in all]") and KEY[:8] not in shown["text"]


def test_a_flood_of_shown_items_is_counted() -> None:
    found = line(account(shown=[done("x" * 60_000)] * 20, shown_left_out=3))

    assert found["shown"][-1] == {"type": "left_out", "items": 3}
    assert len(json.dumps(found)) < 2 * EXCHANGE_CHARACTERS


def test_what_is_no_json_and_half_characters_are_written_all_the_same() -> None:
    deep = b"[" * 200 + b"]" * 200
    found = line(account(typed="half \ud800", shown=[b"{", b"7"], sent=[b"\xff", deep], body=b"\xff", session="\udcff"))

    assert found["prompt"] == "half ?"
    assert found["shown"][0]["type"] == "unreadable"
    assert "nested too deeply" in json.dumps(found["model"])
