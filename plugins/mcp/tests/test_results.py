"""What the model reads of a tool's answer."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from mcp_types import (
    AudioContent,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from codexplus_core.services.config import Config
from codexplus_core.testing import Harness
from codexplus_mcp.outputs import READ_TOOL, TOKENS, CannotRead, Outputs, limit_of
from codexplus_mcp.results import MOST_IMAGES, Answer, answer_of

PIXEL = base64.b64encode(b"\x89PNG").decode()


def result(*blocks: Any, error: bool = False, structured: Any = None) -> CallToolResult:
    return CallToolResult(content=list(blocks), is_error=error, structured_content=structured)


def words(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def test_structured_content_stands_in_place_of_the_text_and_pictures_stay() -> None:
    picture = ImageContent(type="image", data=PIXEL, mime_type="image/png")

    answer = answer_of("t", result(words("same"), picture, structured={"result": "é"}))

    assert answer.parts() == [
        {"type": "input_text", "text": '{"result":"é"}'},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
    ]


def test_every_kind_of_content_is_shown_or_named() -> None:
    answer = answer_of(
        "t",
        result(
            words("one"),
            AudioContent(type="audio", data=PIXEL, mime_type="audio/wav"),
            ResourceLink(type="resource_link", uri="file:///a", name="a", description="about \x1b[31ma"),
            EmbeddedResource(type="resource", resource=TextResourceContents(uri="x://y", text="inner")),
            ImageContent(type="image", data=PIXEL, mime_type="image/svg+xml"),
        ),
    )

    assert answer.texts == (
        "one",
        "[audio audio/wav, 6 bytes, not shown]",
        "[resource file:///a: a; about a]",
        "inner",
        "[image image/svg+xml, 6 bytes, not shown]",
    )


def test_an_error_is_one_to_the_model_and_an_empty_answer_is_said_to_be_empty() -> None:
    assert answer_of("t", result(words("no"), error=True, structured={"a": 1})) == Answer(("no",), is_error=True)
    assert answer_of("mcp__s__t", result()).texts == ("(mcp__s__t completed with no output)",)
    assert answer_of("mcp__s__t", result(error=True)).texts == ("mcp__s__t failed without a word",)


@pytest.mark.abuse("G17")
def test_pictures_beyond_measure_are_named_and_not_sent() -> None:
    picture = ImageContent(type="image", data=PIXEL, mime_type="image/png")

    answer = answer_of("t", result(*[picture] * (MOST_IMAGES + 2)))

    assert len(answer.images) == MOST_IMAGES
    assert answer.texts == ("[image image/png, 6 bytes, not shown]",) * 2


def test_half_characters_do_not_break_the_request() -> None:
    answer = answer_of("t", result(words("a\ud800b")))

    assert json.dumps(answer.parts(), ensure_ascii=False).encode()


@pytest.mark.req("M9")
@pytest.mark.parametrize(
    ("variable", "setting", "tokens"),
    [
        ("", None, TOKENS),
        ("1000", None, 1000),
        ("x", None, TOKENS),
        ("-1", 7, 7),
        ("0", None, TOKENS),
        ("", True, TOKENS),
    ],
)
def test_the_limit_comes_from_the_variable_then_the_setting(variable: str, setting: object, tokens: int) -> None:
    assert limit_of({"MAX_MCP_OUTPUT_TOKENS": variable}, setting) == tokens * 4


@pytest.mark.req("M9")
async def test_a_long_answer_begins_for_the_model_and_can_be_read_to_its_end(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(5000))
    async with Harness(config=Config(tmp_path)) as proxy:
        outputs = Outputs(proxy.app.core, tmp_path / "outputs")

        shown = (await outputs.fitting(Answer((text,)), 1000)).texts[0]
        head, _, note = shown.rpartition("\n\n[")
        call = json.loads(note[note.index(READ_TOOL) + len(READ_TOOL) : note.rindex("]")])
        whole, offset = head, call["offset"]
        while True:
            piece = await outputs.read(call["id"], offset, 10_000)
            body, _, end = piece.rpartition("\n\n[")
            whole += body
            if "this is the end" in end:
                break
            offset = int(end.split('"offset": ')[1].rstrip("]"))

    assert whole == text
    assert f"of {len(text):,} characters are shown" in note
    (kept,) = (tmp_path / "outputs").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_a_short_answer_stays_as_it_is(tmp_path: Path) -> None:
    async with Harness() as proxy:
        answer = Answer(("a", "b"))

        assert await Outputs(proxy.app.core, tmp_path).fitting(answer, 2) is answer


async def test_where_nothing_can_be_kept_the_model_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("no folder")
    async with Harness(config=Config(tmp_path)) as proxy:
        shown = await Outputs(proxy.app.core, tmp_path / "outputs").fitting(Answer(("x" * 100,)), 10)

    assert shown.texts[0].startswith("x" * 10 + "\n\n[10 of 100 characters are shown; the rest could not be kept")


@pytest.mark.abuse("G18")
@pytest.mark.parametrize("id", ["../../etc/passwd", "out-1.txt", "", "out-" + "0" * 32 + ".txt"])
async def test_only_kept_answers_can_be_read(tmp_path: Path, id: str) -> None:
    async with Harness() as proxy:
        with pytest.raises(CannotRead):
            await Outputs(proxy.app.core, tmp_path).read(id, 0, 100)
