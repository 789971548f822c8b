"""docs/enterprise/cost.md says what the code does."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from metered import Settings

from codexplus_enterprise.cost import plan, prices
from codexplus_enterprise.cost.budget import SOFT, Budget
from codexplus_enterprise.cost.plan import plan_of

TEXT = (Path(__file__).parents[4] / "docs/enterprise/cost.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_shown_can_be_written_into_a_policy(block: str, settings: Settings) -> None:
    sections = re.findall(r"^(\w+):", block, re.MULTILINE)
    members = re.findall(r"^  \"?([\w.*-]+)\"?:", block, re.MULTILINE)

    settings.policy_file.write_text(block, encoding="utf-8")
    config = settings.config()

    assert [name for section in sections for name in config.user.get(section)] == members
    assert config.user.warnings == ()
    assert plan_of(config.user, settings.home).on


def test_the_members_of_a_budget_are_those_of_the_table() -> None:
    table = TEXT.partition("| member |")[2].partition("\n\n")[0]
    named = {word for row in table.splitlines()[2:] for word in re.findall(r"`(\w+)`", row.split("|")[1])}

    fields = set(Budget.__dataclass_fields__) - {"name", "measure", "limit", "managed", "place"}
    assert named == fields | {"amount", "tokens", "requests", "percent"}


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    day = date.fromisoformat(prices.CHECKED)

    assert f"checked on {day}" in TEXT
    assert f"`usage.keepDays` ({plan.KEEP_DAYS})" in TEXT
    assert f"without it {SOFT:.0f} |" in TEXT
    assert f"{prices._LONG:,} tokens" in TEXT
