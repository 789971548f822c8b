"""What was judged is what runs: generated texts against bash and dash, before programs that record their arguments.

``HYPOTHESIS_PROFILE=thorough`` runs many more, new ones each time; the seed of a failure is in its message.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from services.permissions.shells import calls_expected, calls_seen, make_stubs, understood_texts

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SAMPLES = 4000 if THOROUGH else 200
BATCH = 100


@pytest.mark.abuse("D09", "D15")
@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("status", [0, 1])
async def test_programs_get_the_words_that_were_judged(shell: str, status: int, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    seed = random.randrange(1 << 32) if THOROUGH else 20 + status
    samples = understood_texts(random.Random(seed), SAMPLES)
    stubs = make_stubs(tmp_path)
    wrong = []

    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        expected = [Counter(calls_expected(text, status)) for text, _ in batch]
        canonical = [read.canonical for _, read in batch]
        # Dash knows neither |& nor &>; what is run in their place is the canonical text.
        original = [
            text if shell == "bash" or not ("|&" in text or "&>" in text) else read.canonical for text, read in batch
        ]
        for name, texts in (("original", original), ("canonical", canonical)):
            seen = await calls_seen(program, texts, tmp_path / f"{name}-{start}", stubs, status=status)
            wrong += [
                f"{name} {text!r}: judged {should}, ran {did}"
                for text, should, did in zip(texts, expected, seen, strict=True)
                if should != did
            ]

    assert wrong == [], f"seed {seed}"
