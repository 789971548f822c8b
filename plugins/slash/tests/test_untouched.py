"""What is no command, or only looks like one, goes to the model as it was typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slash_folders import project_command, prompt_at, proxy_in, whole, write

pytestmark = pytest.mark.usefixtures("over_both")


@pytest.mark.abuse("B17")
async def test_a_file_never_takes_a_built_ins_name(folders: Path) -> None:
    project_command(folders, "version", "FAKE")

    async with proxy_in(folders) as proxy:
        answer = await proxy.say("/version")

        assert "FAKE" not in answer.text and not proxy.upstream.turns


@pytest.mark.abuse("C14")
async def test_what_a_command_expands_to_is_no_command(folders: Path) -> None:
    project_command(folders, "x", "$ARGUMENTS")
    project_command(folders, "y", "Y")

    async with proxy_in(folders) as proxy:
        for typed in ("/x /version", "/x /y"):
            await proxy.say(typed)

            assert prompt_at(proxy) == [typed.removeprefix("/x ")]


@pytest.mark.abuse("C02", "C04")
async def test_only_what_a_human_typed_is_a_command(folders: Path) -> None:
    project_command(folders, "fix", "EXPANDED")

    async with proxy_in(folders) as proxy:
        await proxy.say("hello")
        child, request = proxy.codex.subagent("/fix")
        await proxy.send(request, child)

        assert "EXPANDED" not in whole(proxy)


@pytest.mark.req("S11")
@pytest.mark.parametrize(
    "typed",
    [
        "/nope a",
        "/etc/hosts is what?",
        "/",
        "//",
        "/ fix",
        "please /fix",
        "fix /fix @a.txt",
        "\n/fix",
        "@a.txt",
        " " * 9 + "x" * 1_000_000,
    ],
)
async def test_everything_else_is_untouched(folders: Path, typed: str) -> None:
    project_command(folders, "fix", "EXPANDED")
    write(folders / "work/a.txt", "A1")

    async with proxy_in(folders) as proxy:
        request = proxy.codex.say(typed)
        await proxy.send(request)

        assert prompt_at(proxy) == [typed]
        if proxy.transport == "http":
            assert proxy.upstream.turns[-1].raw == request.body


@contextmanager
def home_of(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        yield


@pytest.mark.req("S11")
@given(typed=st.text(min_size=1, max_size=40).filter(lambda typed: not typed.lstrip().startswith(("/fix", "//fix"))))
async def test_no_other_text_is_ever_altered(tmp_path_factory: pytest.TempPathFactory, typed: str) -> None:
    folders = tmp_path_factory.getbasetemp() / "altered"
    project_command(folders, "fix", "EXPANDED")

    with home_of(folders / "home"):
        async with proxy_in(folders, strict=False) as proxy:
            request = proxy.codex.say(typed)
            answer = await proxy.send(request)

    if proxy.upstream.turns and proxy.transport == "http":
        assert proxy.upstream.turns[-1].raw == request.body
    else:
        assert answer.text
