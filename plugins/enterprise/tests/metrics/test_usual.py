"""Exchanges that are alike are counted at remembered places: what comes of it is as if each was looked up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Exchange, Outcome, Session, Turn
from codexplus_core import Usage as Tokens
from codexplus_enterprise.metrics import names, usual
from codexplus_enterprise.metrics.counting import Counting
from codexplus_enterprise.metrics.registry import Registry
from codexplus_enterprise.metrics.rolling import Rolling

tokens = st.integers(min_value=0, max_value=5000)
seconds = st.floats(min_value=0, max_value=100, allow_nan=False).map(lambda value: round(value, 1))
outcomes = st.builds(
    Outcome,
    status=st.sampled_from([200, 200, 200, 429, 0]),
    answered_by=st.sampled_from(["upstream", "upstream", "upstream", "local", "refused"]),
    error=st.sampled_from([None, None, None, "cut", "odd"]),
    usage=st.builds(Tokens, tokens, tokens, tokens, tokens, tokens),
    rounds=st.integers(min_value=0, max_value=2),
    first_byte_s=st.none() | seconds,
    total_s=seconds,
    bytes_in=tokens,
    bytes_out=tokens,
    decided_s=seconds,
    upstream_s=st.none() | seconds,
    refusal=st.sampled_from(["", "", "", "not_allowed"]),
)
exchanges = st.builds(
    lambda origin, model, transport, kind: Exchange(
        session=Session("s", "t"), turn=Turn("1", origin), model=model, transport=transport, kind=kind
    ),
    st.sampled_from(["user", "tool"]),
    st.sampled_from(["gpt-6.1-sol", "gpt-6.1-sol", "mini", "", "other", "sk-looks-like-a-key"]),
    st.sampled_from(["http", "websocket"]),
    st.sampled_from(["responses", "responses", "responses", "other"]),
)


def counted(happened: list[tuple[Exchange, Outcome]], *, forgetting: bool) -> tuple[object, ...]:
    registry, rolling = Registry(names.COUNTED), Rolling()
    prices = {"mini": 2.0}
    counting = Counting(
        registry, rolling, lambda model, usage: (prices[model] * usage.total_tokens, "USD") if model in prices else None
    )
    labels = []
    for exchange, outcome in happened:
        if forgetting:
            counting.settle()
            counting._usual.clear()
        labels.append(counting.exchange(exchange, outcome))
    counting.settle()
    # What is added up in another order differs in its last digits.
    shown = [
        (family.instrument, [(each.labels, round(each.value, 6), each.counts) for each in family.series])
        for family in registry.families()
    ]
    return labels, shown, rolling.quantiles(), rolling.seen, rolling.broken_share


@given(st.lists(st.tuples(exchanges, outcomes), max_size=40))
def test_counting_at_remembered_places_comes_to_the_same(happened: list[tuple[Exchange, Outcome]]) -> None:
    assert counted(happened, forgetting=False) == counted(happened, forgetting=True)


def test_an_exchange_like_one_before_is_counted_without_looking_its_places_up() -> None:
    registry = Registry(names.COUNTED)
    counting = Counting(registry, Rolling(), lambda *_: None)
    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), model="gpt-6.1-sol")
    outcome = Outcome(200, "upstream", None, Tokens(5, 0, 5, 0, 10), 1, 0.5, 1.0, 10, 20, 0.1, 0.2)
    counting.exchange(exchange, outcome)
    looked_up: list[object] = []
    registry.number = lambda *about: looked_up.append(about)  # type: ignore[method-assign,assign,func-returns-value]

    counting.exchange(exchange, outcome)

    assert looked_up == []


def test_what_waits_is_counted_before_much_of_it_does() -> None:
    registry = Registry(names.COUNTED)
    counting = Counting(registry, Rolling(), lambda *_: None)
    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), model="gpt-6.1-sol")
    outcome = Outcome(200, "upstream", None, Tokens(5, 0, 5, 0, 10), 1, 0.5, 1.0, 10, 20, 0.1, 0.2)
    for _ in range(usual.MOST):
        counting.exchange(exchange, outcome)
    first = registry.number(names.REQUESTS, ("responses", "http", "200", "upstream"))
    assert first.value == 1  # the others wait

    counting.exchange(exchange, outcome)

    assert first.value == 1 + usual.MOST


@given(st.integers(1, 7), st.lists(st.lists(seconds, max_size=9), max_size=6))
def test_several_answers_at_once_fill_the_window_as_one_by_one_they_do(size: int, batches: list[list[float]]) -> None:
    together, each = Rolling(size), Rolling(size)
    for batch in batches:
        together.add_whole(batch)
        for value in batch:
            each.add(value, broken=False)

        assert (together._added, together._next_added) == (each._added, each._next_added)
        assert (together._broken, together._next_broken) == (each._broken, each._next_broken)
