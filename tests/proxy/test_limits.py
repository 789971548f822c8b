"""How much this process may hold at once."""

from __future__ import annotations

import pytest

from codexplus_core.proxy.limits import OPEN_FILES, raise_open_files

resource = pytest.importorskip("resource")


class Limits:
    """A process's limit of open files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
        self.now = (soft, hard)
        monkeypatch.setattr(resource, "getrlimit", lambda _: self.now)
        monkeypatch.setattr(resource, "setrlimit", self.set)

    def set(self, _: int, limits: tuple[int, int]) -> None:
        self.now = limits


NO_LIMIT = resource.RLIM_INFINITY


@pytest.mark.abuse("A17")
@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (1024, 4096, 4096),
        (1024, 1_048_576, OPEN_FILES),
        (1024, NO_LIMIT, OPEN_FILES),
        (4096, 4096, 4096),
        (100_000, 1_048_576, 100_000),
        (NO_LIMIT, NO_LIMIT, NO_LIMIT),
    ],
)
def test_as_many_connections_as_allowed_may_be_open(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, then: int
) -> None:
    limits = Limits(monkeypatch, soft, hard)

    told = raise_open_files()

    assert (told, limits.now) == (then, (then, hard))


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1024, 4096)

    def refuse(*_: object) -> None:
        raise ValueError("not here")

    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert (raise_open_files(), limits.now) == (1024, (1024, 4096))
