"""What a plugin may declare and mark as hooks, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from loader.installed import names, only

from codexplus_core import hookimpl
from codexplus_core.loader import Plugin, load_plugins


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
