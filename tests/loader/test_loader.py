"""Plugins found through entry points: selected, checked, ordered, and reported when they are broken."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from codexplus_core import hookimpl
from codexplus_core.loader import Plugin, Plugins, load_plugins

GOOD = "from codexplus_core import hookimpl\n@hookimpl\ndef on_request(exchange): ...\n"


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self, name: str, source: str, *, distribution: str = "", target: str = "", version: str = "1.0"
    ) -> None:
        distribution = distribution or f"dist-{name}"
        module = f"plugin_{distribution.replace('-', '_')}"
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{distribution}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[codexplus.plugins]\n{name} = {module}{target}\n")

    def entry_points(self) -> list[metadata.EntryPoint]:
        found = metadata.distributions(path=[str(self.folder)])
        return [entry for distribution in found for entry in distribution.entry_points]

    def load(self, selection: Any = None, **more: Any) -> Plugins:
        return load_plugins(selection, entry_points=self.entry_points(), **more)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]


def names(plugins: Any) -> list[str]:
    return [plugin.name for plugin in plugins]


def only(found: Plugins) -> Plugin:
    (plugin,) = found.plugins
    return plugin


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


def made(**members: Any) -> Plugin:
    return only(load_plugins("none", extra={"it": type("It", (), members)()}))


@hookimpl
def request(self: Any) -> None: ...


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (
            {"ORDER": "high"},
            "plugin 'it' declares ORDER = 'high'; it must be a whole number, 50 where it does not matter",
        ),
        ({"ORDER": True}, "declares ORDER = True"),
        ({"FAIL_CLOSED": 1}, "declares FAIL_CLOSED = 1; it must be True or False"),
        ({"WATCHES": "response.created"}, "declares WATCHES = 'response.created'; it must be a tuple"),
        ({"WATCHES": (1,)}, "declares WATCHES = (1,)"),
        ({"API_VERSION": 2}, "needs plugin API 2, this codex-plus has 1; upgrade codex-plus"),
        ({"API_VERSION": (2, 3)}, "needs plugin API 2"),
        ({"API_VERSION": 0}, "is written for plugin API 0, this codex-plus has 1; upgrade the plugin"),
        ({"API_VERSION": "1.0"}, "declares API_VERSION = '1.0'; it must be a number or (lowest, highest)"),
    ],
)
def test_a_wrong_declaration_is_an_error_that_says_what_to_write(members: dict[str, Any], error: str) -> None:
    plugin = made(on_request=request, **members)

    assert error in str(plugin.error)


@pytest.mark.parametrize("version", [1, (1, 1), (0, 5)])
def test_a_version_range_that_holds_ours_is_fine(version: Any) -> None:
    assert made(on_request=request, API_VERSION=version).error is None


def test_defaults_fill_what_a_plugin_does_not_declare() -> None:
    plugin = made(on_request=request)

    assert (plugin.order, plugin.fail_closed, plugin.watches, plugin.warnings) == (50, False, (), [])


def test_a_misspelt_hook_is_an_error_that_names_the_right_one() -> None:
    plugin = made(on_requst=request)

    assert plugin.error == "plugin 'it' declares on_requst, which is no hook; did you mean on_request?"


def test_a_hook_of_a_later_version_may_be_marked_as_optional() -> None:
    later = hookimpl(optionalhook=True)(lambda self: None)

    plugin = made(on_something_new=later, on_request=request)

    assert plugin.error is None
    assert [hook.hook for hook in plugin.hooks] == ["on_request"]


def test_a_wrong_argument_is_an_error_that_names_the_right_one() -> None:
    @hookimpl
    def on_tool_use(self: Any, exchnage: Any) -> None: ...

    plugin = made(on_tool_use=on_tool_use)

    assert plugin.error == (
        "plugin 'it' asks for the argument 'exchnage' in on_tool_use, which has: exchange, call; did you mean exchange?"
    )


def test_a_keyword_only_argument_is_refused_because_it_would_never_come() -> None:
    @hookimpl
    def on_request(self: Any, *, exchange: Any) -> None: ...

    assert "takes 'exchange' of on_request by keyword only" in str(made(on_request=on_request).error)


@pytest.mark.parametrize("kind", ["wrapper", "hookwrapper"])
def test_wrappers_are_refused(kind: str) -> None:
    def on_request(self: Any) -> Any:
        yield

    assert "as a wrapper" in str(
        made(on_request=hookimpl(wrapper=kind == "wrapper", hookwrapper=kind == "hookwrapper")(on_request)).error
    )


def test_a_hook_that_yields_is_refused() -> None:
    @hookimpl
    async def on_chunk(self: Any) -> Any:
        yield

    assert "declares on_chunk with a yield" in str(made(on_chunk=on_chunk).error)


def test_a_marked_thing_that_is_no_function_is_refused() -> None:
    class Callable:
        def __call__(self, exchange: Any) -> None: ...

    assert "it is no function" in str(made(on_request=hookimpl(Callable())).error)


def test_a_hook_under_another_name_is_known_by_its_specname() -> None:
    plugin = made(handle=hookimpl(specname="on_request")(lambda self, exchange: None))

    assert [(hook.hook, hook.arguments) for hook in plugin.hooks] == [("on_request", ("exchange",))]


def test_what_looks_like_a_hook_but_is_not_marked_is_a_warning() -> None:
    def on_chunk(self: Any) -> None: ...

    plugin = made(on_chunk=on_chunk, on_request=request)

    assert plugin.error is None
    assert plugin.warnings == ["on_chunk looks like a hook but lacks @hookimpl; it is never called"]


@pytest.mark.parametrize(
    ("members", "warning"),
    [
        ({}, "has no hook: mark its functions with @hookimpl"),
        ({"on_request": request, "WATCHES": ("x",)}, "declares WATCHES but has no on_chunk"),
        (
            {"on_request": hookimpl(tryfirst=True)(lambda self: None)},
            "tryfirst and trylast of on_request do nothing; set ORDER",
        ),
    ],
)
def test_what_has_no_effect_is_a_warning(members: dict[str, Any], warning: str) -> None:
    plugin = made(**members)

    assert (plugin.error, plugin.warnings) == (None, [warning])


def test_a_broken_plugin_that_said_it_must_not_be_skipped_is_remembered_as_such() -> None:
    assert made(on_requst=request, FAIL_CLOSED=True).fail_closed


def test_a_property_that_raises_breaks_its_own_plugin_only() -> None:
    class Nasty:
        @property
        def ORDER(self) -> int:
            raise ValueError("no")

    found = load_plugins("none", extra={"nasty": Nasty(), "good": type("Good", (), {"on_request": request})()})

    assert names(found.loaded) == ["good"]


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
