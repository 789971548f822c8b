"""How property tests run here: no deadlines, because the clock of a busy machine proves nothing."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("default-here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `HYPOTHESIS_PROFILE=thorough` looks much longer; the default stays quick enough to run on every change.
settings.register_profile("thorough", parent=settings.get_profile("default-here"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default-here"))
