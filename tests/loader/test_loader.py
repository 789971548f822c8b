"""Plugins found through entry points: selected, ordered, and reported when they are broken."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from loader.installed import GOOD, Site, names, only

from codexplus_core.loader import load_plugins


@pytest.mark.req("D3")
def test_installing_a_package_is_enough_to_load_its_plugin(site: Site) -> None:
    site.install("ping", GOOD + "ORDER = 7\n", version="2.1")

    ping = only(load_plugins(None, entry_points=site.entry_points()))

    assert (ping.name, ping.order, ping.distribution, ping.version, ping.error) == ("ping", 7, "dist-ping", "2.1", None)
    assert [(hook.hook, hook.arguments) for hook in ping.hooks] == [("on_request", ("exchange",))]


def test_entry_points_of_the_environment_are_found_without_being_told(site: Site) -> None:
    site.install("ping", GOOD)

    assert "ping" in names(load_plugins(["ping"]).loaded)


def test_plugins_are_sorted_by_order_and_name_whatever_the_file_system_says(site: Site) -> None:
    for name, order in (("d", 1), ("c", 50), ("a", 50), ("b", 90), ("e", -5)):
        site.install(name, GOOD + f"ORDER = {order}\n")

    assert names(site.load().plugins) == ["e", "d", "a", "c", "b"]
    assert names(load_plugins(None, entry_points=reversed(site.entry_points())).plugins) == ["e", "d", "a", "c", "b"]


@pytest.mark.req("D3")
@pytest.mark.abuse("I12")
def test_what_is_not_selected_is_listed_and_never_imported(site: Site) -> None:
    site.install("good", GOOD)
    site.install("evil", "raise AssertionError('imported')")

    found = site.load(["good"])

    assert names(found.loaded) == ["good"]
    assert [(plugin.name, plugin.distribution) for plugin in found.not_selected] == [("evil", "dist-evil")]
    assert "plugin_dist_evil" not in sys.modules


@pytest.mark.parametrize("selection", ["none", [], ["none"]])
def test_none_means_none(site: Site, selection: Any) -> None:
    site.install("good", GOOD)

    assert site.load(selection).plugins == ()


def test_a_list_with_commas_is_a_selection_too(site: Site) -> None:
    for name in "abc":
        site.install(name, GOOD)

    assert names(site.load("c, a").plugins) == ["a", "c"]


def test_a_selected_plugin_that_is_not_installed_is_an_error_that_names_what_is(site: Site) -> None:
    site.install("slash", GOOD)

    missing = only(site.load(["slahs"]))

    assert missing.error == "no plugin 'slahs' is installed (installed: slash); did you mean slash?"


@pytest.mark.req("P11")
@pytest.mark.abuse("I15")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("def broken(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise BaseException('odd')", "BaseException: odd"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_reported_and_the_others_load(site: Site, source: str, reason: str) -> None:
    site.install("broken", source, version="0.3")
    site.install("good", GOOD)

    found = site.load()

    broken = found.plugins[0]
    assert names(found.loaded) == ["good"]
    assert broken.error is not None
    assert broken.error.startswith("plugin 'broken' (dist-broken 0.3) cannot be imported: " + reason)


def test_a_target_may_be_a_class_or_an_object(site: Site) -> None:
    body = (
        "from codexplus_core import hookimpl\nclass P:\n ORDER = 3\n @hookimpl\n def on_request(self): ...\np = P()\n"
    )
    site.install("class", body, target=":P")
    site.install("object", body, target=":p")

    assert [(plugin.name, plugin.order, plugin.error) for plugin in site.load().plugins] == [
        ("class", 3, None),
        ("object", 3, None),
    ]


def test_a_class_that_needs_arguments_is_reported(site: Site) -> None:
    site.install("class", "class P:\n def __init__(self, core): ...\n", target=":P")

    assert "is a class that cannot be made without arguments: TypeError" in str(only(site.load()).error)


def test_of_two_packages_that_claim_one_name_neither_loads(site: Site) -> None:
    site.install("policy", GOOD, distribution="honest")
    site.install("policy", GOOD, distribution="impostor")

    error = only(site.load()).error

    assert error == "plugin 'policy' is declared by honest and impostor; uninstall all but one"


@pytest.mark.abuse("I15")
def test_what_was_asked_for_by_name_and_does_not_work_is_told(site: Site) -> None:
    site.install("broken", "1 / 0")
    site.install("good", GOOD)

    asked_for = site.load(["broken", "good", "missing"])

    assert [problem.split(":")[0].split(" (")[0] for problem in asked_for.required_problems] == [
        "plugin 'broken'",
        "no plugin 'missing' is installed",
    ]
    assert site.load().required_problems == []
    assert site.load(["good"]).required_problems == []
