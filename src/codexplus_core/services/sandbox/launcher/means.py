"""What the launcher has made ready, so that each run finds it: calls, filters, opened paths."""

from __future__ import annotations

import platform
import signal

from . import landlock, seccomp
from .kernel import Kernel
from .order import Order
from .passing import ALONE, ALONE_WITH_NETWORK, Passed, understood


class Means:
    """Kept by the launcher's own process; whoever is forked off has a copy."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.opened = landlock.Opened()
        # What is ignored here would be ignored by every program; handlers end with the start of one by themselves.
        self.ignored = [
            number
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
            if signal.getsignal(number) == signal.SIG_IGN
        ]
        self._filters: dict[tuple[bool, bool, int], bytes] = {}
        self._firsts: dict[bytes, bytes] = {}
        self._expected: Order | None = None
        self._is_nobody = False
        self._ready: landlock.Ruleset | None = None

    def prepare(self, passed: Passed) -> None:
        """Make ready what later runs of this kind will want as well. Raises OSError."""
        if passed.kind in self._firsts:
            return
        order = passed.order()
        if order["level"] == "process" or order["probe"]:
            return  # no other is like it
        self._firsts[passed.kind] = passed.content()
        self.filter(order)
        self.opened.open(self.kernel, order["system"])

    def rehearse(self, kind: bytes) -> None:
        """Do what can be done before an order is there, as if it were like the first of its kind. Raises OSError."""
        # What is done a first time after a fork takes long, because memory is copied for it.
        first = self._firsts.get(kind)
        if kind in (ALONE, ALONE_WITH_NETWORK):
            self.kernel.drop_privileges()
            self._is_nobody = True
        if first is not None:
            self._expected = understood(first)
            self._ready = self._common_rules(self._expected)
            self.filter(self._expected)

    def ruleset(self, order: Order) -> landlock.Ruleset:
        """The rules for a run. Raises OSError."""
        last = self._expected
        same = last is not None and all(last[key] == order[key] for key in ("network", "landlock_abi", "system"))
        rules = self._ready if same and self._ready is not None else self._common_rules(order)
        rules.allow(order["rules"], self.opened)
        return rules

    def _common_rules(self, order: Order) -> landlock.Ruleset:
        self.opened.open(self.kernel, order["system"])
        rules = landlock.Ruleset(self.kernel, abi=self.abi(order), network=order["network"])
        rules.allow_opened(order["system"], self.opened)
        return rules

    def drop_rights(self) -> None:
        """Give up root's rights, for good. Raises OSError."""
        if not self._is_nobody:
            self.kernel.drop_privileges()
        self.kernel.drop_capabilities()

    def abi(self, order: Order) -> int:
        """The version of Landlock to use. Raises OSError where there is none."""
        return landlock.version(self.kernel, order["landlock_abi"])

    def filter(self, order: Order) -> bytes:
        """The system call filter for a run. Raises OSError where there is no Landlock that it belongs to."""
        alone = order["level"] == "full"
        abi = self.abi(order)
        key = (order["network"], alone, abi)
        if key not in self._filters:
            self._filters[key] = seccomp.program(
                platform.machine(),
                self.kernel.numbers,
                network=order["network"],
                hold_metadata=not alone,
                hold_shared=not alone,
                hold_signals=not alone and abi < landlock.SIGNALS_SINCE,
                hold_truncate=abi < landlock.TRUNCATE_SINCE,
            )
        return self._filters[key]
