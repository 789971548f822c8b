"""One conversation, two views: whatever a user, a plugin, the network and the machine do, both stay whole."""

from __future__ import annotations

import asyncio
import copy
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from conversation.world import FLAGS, STEPS, VERSIONS, World, typed
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

EXAMPLES = int(os.environ.get("CODEXPLUS_TWO_VIEWS", "25"))
PHASES = tuple(phase for phase in Phase if phase.name not in os.environ.get("CODEXPLUS_WITHOUT_PHASES", "explain"))

prompts = st.builds(
    typed,
    st.integers(1, 2),
    st.lists(st.sampled_from(FLAGS), unique=True, max_size=3).map(tuple),
    st.lists(st.sampled_from(STEPS), max_size=3).map(tuple),
)
moments = st.none() | st.integers(1, 14)


class Conversation(RuleBasedStateMachine):
    """Everything that can happen to a thread, in any order."""

    version = VERSIONS[-1]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.world = World(self.version, Path(self._folder.name))
        self.run(self.world.start())

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.run(self.world.stop())
        self._runner.close()
        self._folder.cleanup()

    @property
    def codex(self) -> Any:
        return self.world.codex

    def waits_for_retry(self) -> bool:
        return self.world.last is not None and not self.world.last.ended and self.world.last.seen.retries

    def waits_for_outputs(self) -> bool:
        return not self.waits_for_retry() and bool(self.codex.open_calls)

    def idle(self) -> bool:
        return not self.waits_for_retry() and not self.codex.open_calls

    @precondition(idle)
    @rule(words=prompts, cut=moments)
    def say(self, words: str, cut: int | None) -> None:
        self.run(self.world.say(words, cut=cut))

    @precondition(idle)
    @rule(words=prompts, stall=st.integers(1, 14))
    def say_and_interrupt(self, words: str, stall: int) -> None:
        self.run(self.world.say(words, stall=stall))

    @precondition(waits_for_outputs)
    @rule(secret=st.booleans(), cut=moments)
    def answer_calls(self, secret: bool, cut: int | None) -> None:
        self.run(self.world.outputs("ONLYCLIENT output" if secret else "plain output", cut=cut))

    @precondition(waits_for_outputs)
    @rule(stall=st.integers(1, 14))
    def answer_calls_and_interrupt(self, stall: int) -> None:
        self.run(self.world.outputs("an output", stall=stall))

    @precondition(waits_for_outputs)
    @rule()
    def interrupt_the_tools(self) -> None:
        self.run(self.world.interrupt_tools())

    @precondition(waits_for_retry)
    @rule()
    def retry(self) -> None:
        self.run(self.world.retry())

    @rule()
    def restart_the_proxy(self) -> None:
        self.run(self.world.restart())

    @precondition(lambda self: self.idle() and self.codex.version.resumes)
    @rule()
    def resume(self) -> None:
        self.run(self.world.resume())

    @precondition(lambda self: self.codex.thread.thread in self.world.threads)
    @precondition(lambda self: self.idle() and self.codex.version.passthrough)
    @rule()
    def fork(self) -> None:
        # Versions before 0.169 do not say that a thread is a fork.
        self.world.codex = self.codex.fork()

    @precondition(lambda self: self.idle() and any(self.codex._typed(item) for item in self.codex.history))
    @rule()
    def backtrack(self) -> None:
        self.world.backtrack()

    # A compaction request of 0.98 names no thread, so it is known by its items alone, and these must have been seen.
    @precondition(lambda self: self.codex.version.name != "0.98.0" or self.world.read_since_start)
    @precondition(lambda self: self.idle() and len(self.codex.history) > 8)
    @rule()
    def compact(self) -> None:
        self.run(self.world.compact())

    @precondition(lambda self: self.codex.version.lite and self.idle() and self.world.titled is not None)
    @rule()
    def title(self) -> None:
        assert self.world.titled is not None
        thread, words = self.world.titled
        if thread == self.codex.thread.thread and "rewrite" not in words:
            self.run(self.world.send(self.codex.title_request(words), copy.deepcopy(self.codex)))

    @precondition(lambda self: self.codex.thread.thread in self.world.threads)
    @precondition(lambda self: self.codex.version.lite and not self.waits_for_retry())
    @rule()
    def subagent(self) -> None:
        child, request = self.codex.subagent("help me")
        self.run(self.world.send(request, child))

    @precondition(lambda self: self.codex.version.lite and self.idle())
    @rule()
    def review(self) -> None:
        child, request = self.codex.review()
        self.run(self.world.send(request, child))


@pytest.mark.req("P8")
@pytest.mark.wire("W9", "W11", "W12", "W13", "W18")
@pytest.mark.abuse("C05")
@pytest.mark.transports("http", "websocket")
@pytest.mark.parametrize("version", VERSIONS)
def test_client_and_model_each_keep_their_own_view_of_one_conversation(version: str) -> None:
    machine = type(f"Conversation_{version.replace('.', '_')}", (Conversation,), {"version": version})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            derandomize="CODEXPLUS_TWO_VIEWS" not in os.environ,
            stateful_step_count=24,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=PHASES,
        ),
    )
