"""The model allowlist, on every request that takes a model and over both transports."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Command, Exchange, hookimpl
from codexplus_enterprise.policy.models import Models, matches

ALLOWS = "This workspace allows: gpt-6, gpt-6-mini, o9-*."
BOTH = pytest.mark.parametrize("transport", ["http", "websocket"])
POLICY = "security: {modelAllowlist: [gpt-6, gpt-6-mini, 'o9-*']}\n"


class Chooses:
    """Chooses a model, as a command's ``model:`` does."""

    ORDER = 40

    def __init__(self, model: str, source: str = "") -> None:
        self.model = model
        self.source = source

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        if exchange.prompt is not None:
            exchange.model, exchange.model_source = self.model, self.source


class ChoosesLate(Chooses):
    """Chooses it after governance was asked."""

    ORDER = 95


class ChoosesAsCommand:
    """Chooses it as a contributed command, which runs after every plugin."""

    @hookimpl
    def add_commands(self) -> list[Command]:
        async def expand(exchange: Exchange, args: str) -> str:
            exchange.model = "gpt-3"
            return "go"

        return [Command("cheap", expand=expand)]


@BOTH
@pytest.mark.req("E1")
@pytest.mark.abuse("I11")
async def test_a_model_that_is_not_listed_is_refused_once_in_the_specifications_words(
    workspace: Any, transport: Any
) -> None:
    workspace.policy("security: {modelAllowlist: [other]}\n")

    async with workspace.proxy(transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.status == 200
    assert answer.events[-1] == "response.failed"
    assert '"invalid_prompt"' in answer.body.decode()
    assert answer.error is not None and answer.error.startswith("This workspace allows: other. The model ")
    assert not [request for request in proxy.upstream.requests if request.path.endswith("/responses")]


@BOTH
@pytest.mark.req("E1")
async def test_a_listed_model_passes_untouched(workspace: Any, transport: Any) -> None:
    workspace.policy("security: {modelAllowlist: ['gpt-*']}\n")

    async with workspace.proxy(transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.text == "Hello from the script."


@BOTH
@pytest.mark.req("E1")
@pytest.mark.parametrize("chooser", [Chooses("gpt-3"), ChoosesLate("gpt-3")], ids=["before", "after"])
async def test_a_model_that_a_plugin_chose_is_judged_whenever_it_chose_it(
    workspace: Any, chooser: object, transport: Any
) -> None:
    workspace.policy("security: {modelAllowlist: ['gpt-6*']}\n")

    async with workspace.proxy(chooser, transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.error is not None and '"gpt-3" is not one of them' in answer.error


@BOTH
@pytest.mark.req("E1")
async def test_a_model_that_a_contributed_command_chose_is_judged(workspace: Any, transport: Any) -> None:
    workspace.policy("security: {modelAllowlist: ['gpt-6*']}\n")

    async with workspace.proxy(ChoosesAsCommand(), transport=transport) as proxy:
        answer = await proxy.say("/cheap now")

    assert answer.error is not None and '"gpt-3" is not one of them' in answer.error


@BOTH
async def test_the_users_own_words_are_there_again_once_the_model_is_an_allowed_one(
    workspace: Any, transport: Any
) -> None:
    workspace.policy("security: {modelAllowlist: ['other']}\n")

    async with workspace.proxy(transport=transport) as proxy:
        await proxy.say("remember the word plum")
        workspace.policy("security: {modelAllowlist: ['gpt-*']}\n")
        answer = await proxy.say("which word was it?")

    assert answer.text == "Hello from the script."
    assert "plum" in proxy.upstream.requests[-1].decoded.decode()


@pytest.mark.req("E1")
@pytest.mark.abuse("I09")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", {"model": "gpt-3"}, 403),
        ("POST", "/v1/embeddings", {"model": "GPT-6"}, 403),
        ("POST", "/v1/embeddings", {"model": "gpt-6 "}, 403),
        ("POST", "/v1/embeddings", {"model": ["gpt-6"]}, 403),
        ("POST", "/v1/responses/compact", {"model": "gpt-3", "input": []}, 403),
        ("POST", "/v1/responses", {"model": "gpt-3", "input": []}, 403),
        ("POST", "/v1/engines/gpt-3/completions", {}, 403),
        ("POST", "/v1/embeddings", b'{"model": "gpt-6", "model": "gpt-3"}', 403),
        ("POST", "/v1/embeddings", b'{"model": "gpt-6", "mod\\u0065l": "gpt-3"}', 403),
        ("POST", "/v1/embeddings", b"not json", 403),
        ("POST", "/v1/embeddings", b'{"model": "gpt-3", "user": "\xff"}', 403),
        ("POST", "/v1/embeddings", b'{"model": "gpt-3", "temperature": 1e999}', 403),
        ("POST", "/v1/engines/gpt-6/completions", {"model": "gpt-3"}, 403),
        ("GET", "/v1/responses", {"model": "gpt-3"}, 403),
        ("POST", "/openai/Deployments/gpt-3/chat/completions", {"model": "gpt-6"}, 403),
        ("POST", "/v1/models/gpt-3:generateContent", {}, 403),
        ("POST", "/model/a%3Ab/invoke", {}, 403),
        ("POST", "/v1/realtime/client_secrets", {"session": {"type": "realtime", "model": "gpt-3"}}, 403),
        ("POST", "/v1/responses", b'{"model": "gpt-6", "mod\\u0065l": "gpt-3"}', 400),
    ],
)
async def test_no_other_path_and_no_spelling_gets_a_forbidden_model_through(
    workspace: Any, method: str, path: str, body: Any, status: int
) -> None:
    workspace.policy(POLICY)
    wire = body if isinstance(body, bytes) else json.dumps(body).encode()

    async with workspace.proxy(strict=False) as proxy:
        reply = await proxy.request(method, path, [(b"content-type", b"application/json")], wire)

    assert reply.status == status
    assert proxy.upstream.requests == []
    if status == 403:
        assert json.loads(reply.body)["error"]["message"].startswith(ALLOWS)


@pytest.mark.req("E1")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/models", b""),
        ("DELETE", "/v1/models/gpt-3", b""),
        ("POST", "/v1/embeddings", b'{"model": "o9-large"}'),
        ("POST", "/v1/events", b"{}"),
    ],
)
async def test_what_names_no_model_or_a_listed_one_passes(workspace: Any, method: str, path: str, body: bytes) -> None:
    workspace.policy(POLICY)

    async with workspace.proxy(strict=False) as proxy:
        await proxy.request(method, path, [(b"content-type", b"application/json")], body)

    assert len(proxy.upstream.requests) == 1


@pytest.mark.req("E1")
async def test_a_subagent_a_title_and_a_compaction_are_judged_too(workspace: Any) -> None:
    workspace.policy("security: {modelAllowlist: [other]}\n")

    async with workspace.proxy() as proxy:
        for request in (proxy.codex.title_request("hello"), proxy.codex.compact()):
            answer = await proxy.send(request)
            assert answer.error is not None and answer.error.startswith("This workspace allows: other.")

    assert proxy.upstream.requests == []


@pytest.mark.req("E1")
async def test_the_warm_up_of_a_forbidden_model_does_not_reach_the_upstream(workspace: Any) -> None:
    workspace.policy("security: {modelAllowlist: [other]}\n")

    async with workspace.proxy(transport="websocket") as proxy:
        await proxy.say("hello")

    assert not [request for request in proxy.upstream.requests if request.body]


@pytest.mark.req("E5")
async def test_a_project_narrows_the_list_and_cannot_widen_it(workspace: Any) -> None:
    workspace.policy("security: {modelAllowlist: ['gpt-*']}\n")
    workspace.of_project('{"security": {"modelAllowlist": ["gpt-6", "evil"]}}')

    async with workspace.proxy() as proxy:
        answer = await proxy.say("hello")

    assert answer.error is not None and answer.error.startswith("This workspace allows: gpt-6.")


@BOTH
async def test_a_project_that_narrows_is_heard_where_its_user_says_nothing(workspace: Any, transport: Any) -> None:
    workspace.of_project('{"security": {"modelAllowlist": ["gpt-6"]}}')

    async with workspace.proxy(transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert answer.error is not None and answer.error.startswith("This workspace allows: gpt-6.")


@pytest.mark.req("E5")
async def test_a_changed_policy_counts_with_the_next_request(workspace: Any) -> None:
    workspace.policy("security: {modelAllowlist: ['gpt-*']}\n")

    async with workspace.proxy() as proxy:
        before = await proxy.say("hello")
        workspace.policy("security: {modelAllowlist: [other]}\n")
        after = await proxy.say("hello again")
        workspace.policy("security: {modelAllowlist: [5]}\n")
        bad = await proxy.say("and now?")

    assert before.error is None
    assert after.error is not None and after.error.startswith("This workspace allows: other.")
    assert bad.error is not None and bad.error.startswith("This workspace allows: other.")


async def test_with_nothing_configured_no_request_is_judged(workspace: Any) -> None:
    workspace.user('{"metrics": {"enabled": false}, "usage": {"enabled": false}}')

    async with workspace.proxy() as proxy:
        await proxy.say("hello")

    assert proxy.app.dispatcher.hooks.isdisjoint({"on_request", "on_action", "on_chunk", "on_audit", "on_exchange_end"})


def test_nothing_allowed_says_so() -> None:
    assert Models([]).refusal("gpt-6").startswith("This workspace allows: no model.")


@pytest.mark.abuse("H05")
def test_a_models_name_cannot_act_on_a_terminal() -> None:
    said = Models(["a"]).refusal("\x1b]0;owned\x07‮`rm`")

    assert said.isprintable()
    assert "\x1b" not in said


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=8))
def test_a_pattern_means_what_the_same_regular_expression_means(pattern: str, name: str) -> None:
    wanted = ".*".join(re.escape(piece) for piece in pattern.split("*"))

    assert matches(pattern, name) is (re.fullmatch(wanted, name) is not None)


@BOTH
@pytest.mark.req("E1")
async def test_a_command_that_asks_for_a_forbidden_model_is_named_with_its_file(workspace: Any, transport: Any) -> None:
    workspace.policy("security: {modelAllowlist: [gpt-5]}\n")
    file = workspace.home / ".codexplus/commands/fix.md"

    async with workspace.proxy(Chooses("gpt-3", str(file)), transport=transport) as proxy:
        reply = await proxy.say("/fix")

    said = f'This workspace allows: gpt-5. The model "gpt-3", which {file} asks for (model:), is not one of them'
    assert reply.error == f"{said}; change it there, or ask your administrator."
    assert proxy.upstream.turns == []
