"""What the launcher has made ready, so that each run finds it: calls, filters, opened paths."""

from __future__ import annotations

import platform
import signal

from . import landlock, seccomp
from .kernel import Kernel
from .order import Order


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
        self._last: Order | None = None
        self._ready: landlock.Ruleset | None = None

    def prepare(self, order: Order) -> None:
        """Make ready what later runs will want as well. Raises OSError."""
        self.filter(order)
        self.opened.open(self.kernel, order["system"])
        self._last = order

    def rehearse(self) -> None:
        """Do what can be done before an order is there, as if it were like the last one. Raises OSError."""
        if self._last is not None:
            self._ready = self._common_rules(self._last)
            self.filter(self._last)

    def ruleset(self, order: Order) -> landlock.Ruleset:
        """The rules for a run. Raises OSError."""
        last = self._last
        same = last is not None and all(last[key] == order[key] for key in ("network", "landlock_abi", "system"))
        rules = self._ready if same and self._ready is not None else self._common_rules(order)
        rules.allow(order["rules"])
        return rules

    def _common_rules(self, order: Order) -> landlock.Ruleset:
        self.opened.open(self.kernel, order["system"])
        rules = landlock.Ruleset(self.kernel, abi=self.abi(order), network=order["network"])
        rules.allow_opened(order["system"], self.opened)
        return rules

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
