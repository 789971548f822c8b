"""Exchanges that are alike are counted at remembered places: what comes of it is as if each was looked up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexplus_core import Exchange, Outcome, Session, Turn
from codexplus_core import Usage as Tokens
from codexplus_enterprise.metrics import names
from codexplus_enterprise.metrics.counting import Counting
from codexplus_enterprise.metrics.registry import Family, Registry
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


def counted(happened: list[tuple[Exchange, Outcome]], *, forgetting: bool) -> tuple[list[str], list[Family], int]:
    registry, rolling = Registry(names.COUNTED), Rolling()
    prices = {"mini": 2.0}
    counting = Counting(
        registry, rolling, lambda model, usage: (prices[model] * usage.total_tokens, "USD") if model in prices else None
    )
    labels = []
    for exchange, outcome in happened:
        if forgetting:
            counting._usual.clear()
        labels.append(counting.exchange(exchange, outcome))
    return labels, list(registry.families()), rolling.seen


@given(st.lists(st.tuples(exchanges, outcomes), max_size=40))
def test_counting_at_remembered_places_comes_to_the_same(happened: list[tuple[Exchange, Outcome]]) -> None:
    assert counted(happened, forgetting=False) == counted(happened, forgetting=True)


def test_an_exchange_like_one_before_is_counted_without_looking_its_places_up() -> None:
    registry = Registry(names.COUNTED)
    counting = Counting(registry, Rolling(), lambda *_: None)
    exchange = Exchange(session=Session("s", "t"), turn=Turn("1", "user"), model="gpt-6.1-sol")
    outcome = Outcome(200, "upstream", None, Tokens(5, 0, 5, 0, 10), 1, 0.5, 1.0, 10, 20)
    counting.exchange(exchange, outcome)
    looked_up: list[object] = []
    registry.number = lambda *about: looked_up.append(about)  # type: ignore[method-assign,assign,func-returns-value]

    counting.exchange(exchange, outcome)

    assert looked_up == []
