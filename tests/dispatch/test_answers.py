"""Which answer of which plugin wins, and what becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dispatch.stage import Journal, dispatcher, exchange, health_of

from codexplus_core import Action, Exchange, LocalReply, Refusal, ToolCall, ToolResult, hookimpl
from codexplus_core.dispatch import FailedClosed

CALL = ToolCall("c1", "shell", {"command": "ls"})


class Answering:
    """Gives one answer to every question, and remembers that it was asked."""

    def __init__(self, answer: Any, order: int = 50, *, fail_closed: bool = False) -> None:
        self.answer, self.ORDER, self.FAIL_CLOSED, self.asked = answer, order, fail_closed, 0

    def give(self) -> Any:
        self.asked += 1
        return self.answer(self) if callable(self.answer) else self.answer

    @hookimpl
    async def on_request(self) -> Any:
        return self.give()

    @hookimpl
    def on_tool_use(self, call: ToolCall) -> Any:
        self.call = call
        return self.give()

    @hookimpl
    async def on_tool_result(self, result: ToolResult) -> Any:
        self.result = result
        return self.give()

    @hookimpl
    def on_turn_end(self) -> Any:
        return self.give()

    @hookimpl
    async def on_action(self) -> Any:
        return self.give()


@pytest.mark.parametrize("answer", [LocalReply("pong"), Refusal("no")])
async def test_the_first_answer_to_a_request_wins(answer: Any) -> None:
    silent, first, second = Answering(None, 1), Answering(answer, 2), Answering(LocalReply("late"), 3)

    given = await dispatcher(silent=silent, first=first, second=second).request(exchange())

    assert given is answer
    assert (silent.asked, first.asked, second.asked) == (1, 1, 0)


@pytest.mark.parametrize("nonsense", ["pong", True, {"reply": "pong"}, LocalReply(7)])  # type: ignore[arg-type]
async def test_an_answer_of_a_wrong_type_is_reported_by_name_and_counts_as_none(nonsense: Any) -> None:
    log = Journal()
    wrong, right = Answering(nonsense, 1), Answering(LocalReply("pong"), 2)

    given = await dispatcher(log, wrong=wrong, right=right).request(exchange())

    assert given == LocalReply("pong")
    assert [entry["plugin"] for entry in log.of("plugin_answered_wrongly")] == ["wrong"]


async def test_a_wrong_type_from_a_plugin_that_must_not_be_skipped_refuses() -> None:
    given = await dispatcher(policy=Answering(True, fail_closed=True)).request(exchange())

    assert isinstance(given, Refusal)
    assert given.status == 503


async def test_plugins_see_the_call_as_the_one_before_changed_it() -> None:
    first = Answering(lambda me: me.call.replace(arguments={"command": "ls -l"}), order=2)
    second = Answering(None, order=1)

    call, answer = await dispatcher(first=first, second=second).tool_use(exchange(), CALL)

    assert second.call.arguments == {"command": "ls -l"}
    assert (call.arguments, answer) == ({"command": "ls -l"}, None)


@pytest.mark.parametrize("answer", [Refusal("no"), ToolResult("done")])
async def test_the_first_refusal_or_result_ends_a_tool_call(answer: Any) -> None:
    first, second = Answering(answer, 2), Answering(Refusal("later"), 1)

    call, given = await dispatcher(first=first, second=second).tool_use(exchange(), CALL)

    assert (call, given, second.asked) == (CALL, answer, 0)


async def test_a_call_edited_in_place_but_not_returned_stays_as_it_was() -> None:
    careless = Answering(lambda me: me.call.arguments.clear())

    call, _ = await dispatcher(careless=careless).tool_use(exchange(), ToolCall("c1", "shell", {"command": ["ls"]}))

    assert call.arguments == {"command": ["ls"]}


async def test_a_call_given_back_unchanged_is_the_very_same_call() -> None:
    call, _ = await dispatcher(polite=Answering(lambda me: me.call)).tool_use(exchange(), CALL)

    assert call is CALL


async def test_a_call_cannot_be_swapped_for_one_of_another_id() -> None:
    log = Journal()

    call, answer = await dispatcher(log, thief=Answering(ToolCall("c2", "shell", {}))).tool_use(exchange(), CALL)

    assert (call, answer) == (CALL, None)
    assert log.of("plugin_answered_wrongly")[0]["plugin"] == "thief"


async def test_results_are_changed_one_plugin_after_the_other() -> None:
    first = Answering(lambda me: ToolResult(me.result.text + "+1"), 1)
    second = Answering(lambda me: ToolResult(me.result.text + "+2"), 2)

    result = await dispatcher(first=first, second=second).tool_result(exchange(), CALL, ToolResult("0"))

    assert result.output == "0+1+2"


async def test_the_first_prompt_makes_the_model_go_on() -> None:
    empty, first, second = Answering("", 3), Answering("go on", 2), Answering("stop", 1)

    assert dispatcher(empty=empty, first=first, second=second).turn_end(exchange()) == "go on"
    assert second.asked == 0


@pytest.mark.parametrize("words", ["go on", ""])
async def test_a_prompt_that_has_to_be_waited_for_is_the_first_all_the_same(words: str) -> None:
    class Waiting(Answering):
        @hookimpl
        async def on_turn_end(self) -> Any:
            await asyncio.sleep(0)
            return self.give()

    empty, first, second = Waiting("", 3), Waiting(words, 2), Answering("stop", 1)

    asked = dispatcher(empty=empty, first=first, second=second).turn_end(exchange())

    assert asked is not None
    assert not isinstance(asked, str)
    assert await asked == (words or "stop")
    assert second.asked == (0 if words else 1)


@pytest.mark.parametrize("veto", ["not here", Refusal("not here")])
async def test_any_plugin_can_veto_an_action(veto: Any) -> None:
    agreeing, vetoing = Answering(None, 1), Answering(veto, 2)

    refusal = await dispatcher(agreeing=agreeing, vetoing=vetoing).action(Action("run", argv=("rm",)))

    assert refusal is not None
    assert refusal.message == "not here"


@pytest.mark.parametrize("grant", [True, LocalReply("granted")])
async def test_no_plugin_can_grant_an_action(grant: Any) -> None:
    log = Journal()
    granting, vetoing = Answering(grant, 1), Answering("no", 2)

    refusal = await dispatcher(log, granting=granting, vetoing=vetoing).action(Action("run"))

    assert refusal is not None
    assert log.of("plugin_answered_wrongly")[0]["plugin"] == "granting"


async def pieces(*texts: Any, closed: list[str] | None = None) -> AsyncIterator[Any]:
    try:
        for text in texts:
            if isinstance(text, Exception):
                raise text
            yield text
    finally:
        if closed is not None:
            closed.append("closed")


async def test_a_streamed_reply_arrives_piece_by_piece() -> None:
    given = await dispatcher(a=Answering(LocalReply(pieces("one", "two")))).request(exchange())

    assert isinstance(given, LocalReply)
    assert not isinstance(given.text, str)
    assert [piece async for piece in given.text] == ["one", "two"]


@pytest.mark.parametrize("fault", [ValueError("secret"), 7])
async def test_a_streamed_reply_that_breaks_off_is_never_taken_for_whole(fault: Any) -> None:
    log, closed = Journal(), list[str]()
    chatty = dispatcher(log, chatty=Answering(LocalReply(pieces("one", fault, closed=closed))))
    given = await chatty.request(exchange())
    assert isinstance(given, LocalReply)

    heard = []
    with pytest.raises(FailedClosed, match="chatty"):
        async for piece in given.text:  # type: ignore[union-attr]
            heard.append(piece)

    assert heard == ["one"]
    assert closed == ["closed"]
    assert health_of(chatty, "chatty")["errors"] == 1
    assert "secret" not in repr(log.entries)


async def test_a_reply_nobody_reads_to_the_end_is_closed() -> None:
    closed: list[str] = []
    given = await dispatcher(a=Answering(LocalReply(pieces("one", "two", closed=closed)))).request(exchange())
    assert isinstance(given, LocalReply)

    assert await anext(given.text) == "one"  # type: ignore[arg-type]
    await given.text.aclose()  # type: ignore[union-attr]

    assert closed == ["closed"]


class Editing:
    """Changes a request in a plain function."""

    def __init__(self, edit: Any, order: int = 50) -> None:
        self.edit, self.ORDER, self.asked = edit, order, 0

    @hookimpl
    def on_request(self, exchange: Exchange) -> None:
        self.asked += 1
        self.edit(exchange)


class Enforcing:
    """Lets one model pass."""

    ENFORCES_POLICY = True
    FAIL_CLOSED = True
    ORDER = 1

    @hookimpl
    def on_request(self, exchange: Exchange) -> Refusal | None:
        return None if exchange.model == "allowed" else Refusal("not this model")


async def test_a_plain_edit_that_no_request_can_carry_is_undone_and_the_others_are_asked() -> None:
    log, it = Journal(), exchange("hello")
    bad = Editing(lambda exchange: setattr(exchange, "prompt", "half \ud800"), 1)
    good = Editing(lambda exchange: setattr(exchange, "prompt", exchange.prompt + "!"), 2)

    assert await dispatcher(log, bad=bad, good=good).request(it) is None

    assert (it.prompt, bad.asked, good.asked) == ("hello!", 1, 1)
    assert [entry["plugin"] for entry in log.of("plugin_answered_wrongly")] == ["bad"]


async def test_a_policy_is_asked_again_when_a_plain_function_chose_another_model_after_it() -> None:
    changing = Editing(lambda exchange: setattr(exchange, "model", "other"), 2)

    it = exchange()
    it.model = "allowed"

    given = await dispatcher(policy=Enforcing(), changing=changing).request(it)

    assert given == Refusal("not this model")
