"""How property tests run here: the same examples every time, and without deadlines.

A change is judged by what it does, not by the luck of a draw or by the clock of a busy machine. To go and look for new
examples there is `HYPOTHESIS_PROFILE=thorough` (and `CODEXPLUS_TWO_VIEWS=300` for conversations).
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("default-here", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default-here"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default-here"))
