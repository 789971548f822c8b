"""Whether a plugin that cannot be loaded must not be skipped, read off its source."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest
from loader.installed import GOOD, Site, only

from codexplus_core.loader import load_plugins


@pytest.mark.abuse("I15")
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("FAIL_CLOSED = True\nimport not_there_at_all\n", ""),
        ("import not_there_at_all\nFAIL_CLOSED: bool = True\n", ""),
        ("FAIL_CLOSED = not False\n1 / 0\n", ""),
        ("def broken(:\nFAIL_CLOSED = True  # policy\n", ""),
        ("import not_there_at_all\nclass Policy:\n    FAIL_CLOSED = True\n", ":Policy"),
        ("class Policy:\n    FAIL_CLOSED = True\n    def __init__(self, core): ...\n", ":Policy"),
        ("class Policy:\n    FAIL_CLOSED = True\n", ":Polizei"),
        ("try:\n    import not_there_at_all\nfinally:\n    ORDER, FAIL_CLOSED = 1, True\n", ""),
        ("FAIL_CLOSED = 1\n", ""),
    ],
)
def test_a_plugin_that_cannot_be_loaded_still_must_not_be_skipped_if_its_source_says_so(
    site: Site, source: str, target: str
) -> None:
    site.install("policy", source, target=target)

    plugin = only(site.load())

    assert plugin.error is not None
    assert plugin.fail_closed


@pytest.mark.parametrize(
    "source", ["FAIL_CLOSED = False\n1 / 0\n", "1 / 0\n", "def broken(:\nFAIL_CLOSED = False\n", ""]
)
def test_a_plugin_that_cannot_be_loaded_and_says_nothing_is_skipped(site: Site, source: str) -> None:
    site.install("helper", source, target=":missing")

    plugin = only(site.load())

    assert plugin.error is not None
    assert not plugin.fail_closed


@pytest.mark.abuse("I15")
def test_the_source_of_a_package_is_read_without_running_any_of_it(site: Site) -> None:
    package = site.folder / "plugin_policy"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit\n")
    (package / "inner" / "__init__.py").write_text("from ..rules import Policy\nraise SystemExit\n")
    (package / "rules.py").write_text("class Policy:\n    FAIL_CLOSED = True\nraise SystemExit\n")
    site.install("policy", "", distribution="other")
    entry = metadata.EntryPoint("policy", "plugin_policy.inner:Policy", "codexplus.plugins")

    plugin = only(load_plugins(None, entry_points=[entry]))

    assert "cannot be imported: SystemExit" in str(plugin.error)
    assert plugin.fail_closed
    assert "plugin_policy" not in sys.modules


@pytest.mark.abuse("I12")
def test_a_second_package_of_the_same_name_does_not_switch_off_what_must_not_be_skipped(site: Site) -> None:
    site.install("policy", GOOD + "FAIL_CLOSED = True\n", distribution="honest")
    site.install("policy", GOOD, distribution="impostor")

    assert only(site.load()).fail_closed
