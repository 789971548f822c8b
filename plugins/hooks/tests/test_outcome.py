"""Several hooks of one event come to one outcome."""

from __future__ import annotations

import pytest

from codexplus_hooks.hook import Hook
from codexplus_hooks.outcome import NOTHING, Block, Context, Outcome, combine

A, B, C = (Hook("PreToolUse", shell=name) for name in "abc")


def denied(hook: Hook, reason: str) -> Outcome:
    return Outcome("deny", reason, (Block(reason, False, hook),))


@pytest.mark.req("H4")
def test_deny_beats_ask_and_ask_beats_allow_in_any_order() -> None:
    allow, ask, deny = Outcome("allow", "OK"), Outcome("ask", "ASKR"), denied(A, "NO")

    assert (combine([deny, allow, ask]).decision, combine([allow, deny]).reason) == ("deny", "NO")
    assert (combine([allow, ask]).decision, combine([ask, allow]).reason) == ("ask", "ASKR")
    assert combine([NOTHING, allow]).decision == "allow"


def test_of_several_denials_the_one_that_ended_last_is_told_and_all_are_kept() -> None:
    outcome = combine([denied(B, "first"), denied(A, "second")], [A, B])

    assert outcome.reason == "second"
    assert [block.reason for block in outcome.blocks] == ["first", "second"]


def test_the_slowest_hook_decides_about_the_input() -> None:
    outcome = combine([Outcome(updated_input={"n": 1}), Outcome(updated_input={"n": 2}), NOTHING])

    assert outcome.updated_input == {"n": 2}


def test_contexts_come_in_the_order_of_the_hooks_and_not_of_their_ends() -> None:
    contexts = {hook: Outcome(context=(Context(hook.shell, False, hook),)) for hook in (A, B, C)}

    outcome = combine([contexts[C], contexts[A], contexts[B]], [A, B, C])

    assert [context.text for context in outcome.context] == ["a", "b", "c"]


def test_nothing_at_all_comes_to_nothing() -> None:
    assert combine([]) is NOTHING
    assert combine([NOTHING, NOTHING]) == NOTHING


def test_everything_else_adds_up() -> None:
    outcome = combine([
        Outcome(stopped=True, stop_reason="S", system_messages=("m",), errors=("e",), updated_output=None),
        Outcome(has_updated_output=True, updated_output="o", suppress=True, appended=("x",), prompt="p"),
        Outcome(system_messages=("n",), replaced="r", initial_message="i", deferred=True, appended=("y",)),
    ])  # fmt: skip

    assert (outcome.stopped, outcome.stop_reason, outcome.system_messages) == (True, "S", ("m", "n"))
    assert (outcome.updated_output, outcome.has_updated_output, outcome.suppress) == ("o", True, True)
    assert (outcome.prompt, outcome.replaced, outcome.initial_message) == ("p", "r", "i")
    assert (outcome.deferred, outcome.errors, outcome.appended) == (True, ("e",), ("x", "y"))
