"""What happens before the model is asked: a session begins, the human has spoken, tools have answered."""

from __future__ import annotations

from codexplus_core import Core, Exchange, LocalReply, Refusal

from .events import (
    cwd_changed,
    post_tool_batch,
    pre_compact,
    session_start,
    subagent_start,
    user_prompt_expansion,
    user_prompt_submit,
)
from .firing import Firing, Where
from .hook_set import HookSet
from .notebook import Notebook, notebook_of
from .outcome import Outcome
from .surroundings import initialization, trigger_of, where_of
from .trust import Trust
from .unheard import unheard
from .wording import incorrect, said

BATCH = "batch"
_ATTACHED = "attached"


class Prompts:
    """Answers ``on_request`` for everything but the stream."""

    def __init__(self, core: Core, firing: Firing, trust: Trust) -> None:
        self._core = core
        self._firing = firing
        self._trust = trust

    async def decide(self, exchange: Exchange, found: HookSet) -> LocalReply | Refusal | None:
        """What hooks say to a request."""
        origin = exchange.turn.origin
        if origin == "compaction":
            return await self._compaction(exchange)
        if origin == "subagent":
            await self._agent(exchange)
            return None
        if origin not in ("user", "tool"):
            return None
        notebook = notebook_of(exchange.session)
        if exchange.prompt is None:
            return await self._continuation(exchange, notebook)
        return await self._prompt(exchange, notebook, found)

    # -- the human's words

    async def _prompt(self, exchange: Exchange, notebook: Notebook, found: HookSet) -> LocalReply | Refusal | None:
        typed = exchange.prompt_as_typed or ""
        if await self._is_local(exchange, typed):
            return None  # recorded: what the model never hears of is no prompt to hooks
        asked = await self._trust.ask(exchange, found)
        if isinstance(asked, LocalReply):
            return asked
        deaf = await unheard(exchange, self._firing)
        notebook.warned = notebook.warned or bool(deaf)
        # In the profile that does as Claude Code does, nothing is said that it does not say.
        lost = "" if found.strict else incorrect(found.lost)
        notebook.say([line for line in (lost, asked, deaf) if line], once=True)
        notebook.new_prompt(exchange)
        where = where_of(exchange)
        await self._begin(exchange, notebook, Where(exchange.session))
        texts, outcome = await user_prompt_submit.fire(self._firing, where, typed)
        self._note(notebook, user_prompt_submit.EVENT, outcome)
        if (no := user_prompt_submit.refusal(outcome, typed)) is not None:
            return no
        if self._firing.hooked(exchange.session, user_prompt_expansion.EVENT) and user_prompt_expansion.called(typed):
            rows = await self._core.commands.listing(exchange.session.cwd)
            expanded = await user_prompt_expansion.fire(self._firing, where, typed, rows)
            if expanded is not None:
                texts += expanded[0]
                self._note(notebook, user_prompt_expansion.EVENT, expanded[1])
                if (no := user_prompt_submit.refusal(expanded[1], typed, user_prompt_expansion.EVENT)) is not None:
                    return no
        made = await user_prompt_submit.rewrite(self._firing, where, typed)
        self._note(notebook, "pre_input", made)
        if (no := user_prompt_submit.refusal(made, typed, "pre_input")) is not None:
            return no
        if made.prompt is not None:
            exchange.prompt = made.prompt
        # A prompt that is answered here takes its attachments with it; what began the session must not be lost.
        exchange.state[_ATTACHED] = list(notebook.context)
        for text in [*notebook.context, *texts, *_contexts(made)]:
            exchange.attach(f"{text}\n")
        return None

    def delivered(self, exchange: Exchange) -> None:
        """The model has been asked: what was attached for the session's beginning is with it."""
        notebook = notebook_of(exchange.session)
        for text in exchange.state.pop(_ATTACHED, ()):
            if text in notebook.context:
                notebook.context.remove(text)

    async def _is_local(self, exchange: Exchange, prompt: str) -> bool:
        called = user_prompt_expansion.called(prompt)
        command = None if called is None else self._core.commands.get(called[0])
        if called is None or command is None or command.answer is None:
            return False
        # What a file of that name makes of it goes to the model.
        return not await self._core.commands.replaced(called[0], exchange.session.cwd)

    # -- sessions and agents

    async def _begin(self, exchange: Exchange, notebook: Notebook, where: Where) -> None:
        told = self._firing.joining.take_source(where.id)
        how = initialization(exchange)
        if how == "cold_resume" and notebook.initialization not in ("", how):
            notebook.begin = "resume"  # another process of Codex took it up while this proxy went on
        elif how == "new" and notebook.begin == "resume":
            notebook.begin = ""  # it is this proxy that is new
        notebook.initialization = how or notebook.initialization
        source, notebook.begin = told or notebook.begin, ""
        if not source:
            return
        self._firing.joining.release("SessionEnd", where.id, "")
        texts, outcome = await session_start.fire(self._firing, where, source, exchange.model)
        self._note(notebook, session_start.EVENT, outcome)
        notebook.context += texts

    async def _agent(self, exchange: Exchange) -> None:
        notebook, where = notebook_of(exchange.session), where_of(exchange)
        if notebook.agent_began:
            await self._batch(exchange, notebook, where)
            return
        notebook.agent_began = True
        texts, _ = await subagent_start.fire(self._firing, where)
        for text in texts:
            exchange.add_context(text)

    # -- within a turn

    async def _continuation(self, exchange: Exchange, notebook: Notebook) -> LocalReply | None:
        where = where_of(exchange)
        await self._batch(exchange, notebook, where)
        await self._moved(exchange, notebook, where)
        if exchange.turn.origin == "tool":
            stopping = self._firing.joining.take_stop(where.id) or notebook.stopping
            notebook.stopping = ""
            if stopping:
                return LocalReply(stopping)
        if notebook.begin == "compact":
            await self._begin(exchange, notebook, Where(exchange.session))
            for text in notebook.context:
                exchange.add_context(text)
            notebook.context.clear()
        return None

    async def _batch(self, exchange: Exchange, notebook: Notebook, where: Where) -> None:
        # Of what ran within JavaScript only Codex's own hooks told; its output is what comes here now.
        rows = [*self._firing.joining.take_batch(where.id, exchange.turn.id), *exchange.state.pop(BATCH, [])]
        if not rows:
            return
        outcome = await post_tool_batch.fire(self._firing, where, rows)
        self._note(notebook, post_tool_batch.EVENT, outcome)
        for text in _contexts(outcome):
            exchange.add_context(text)

    async def _moved(self, exchange: Exchange, notebook: Notebook, where: Where) -> None:
        now = str(exchange.session.cwd or "")
        before, notebook.cwd = notebook.cwd, now
        if before and now != before:
            await cwd_changed.fire(self._firing, where, before, now)

    # -- compaction

    async def _compaction(self, exchange: Exchange) -> Refusal | None:
        notebook, where = notebook_of(exchange.session), where_of(exchange)
        told = self._firing.joining.take_trigger(where.id)
        trigger = trigger_of(exchange) or told or "auto"
        key = exchange.turn.id
        if key and not self._firing.joining.claim(pre_compact.EVENT, where.id, key):
            notebook.compacting = trigger
            return None  # the same compaction, tried again
        outcome = await pre_compact.fire(self._firing, where, trigger)
        self._note(notebook, pre_compact.EVENT, outcome)
        no = pre_compact.refusal(outcome)
        notebook.compacting = "" if no is not None else trigger
        return no

    def _note(self, notebook: Notebook, event: str, outcome: Outcome) -> None:
        notebook.say(said(event, outcome))
        notebook.say(list(outcome.errors), once=True)


def _contexts(outcome: Outcome) -> list[str]:
    return [each.text for each in outcome.context if each.text]
