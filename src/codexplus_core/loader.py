"""Find, check and order plugins; a broken one is reported and the others load."""

from __future__ import annotations

import difflib
import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import pluggy

from . import hookspecs
from .command import Command
from .contributions import Check, CliCommand, InitStep
from .loader_allowed import is_allowed
from .loader_check import BadPlugin, check_declarations, check_hooks
from .loader_source import source_says_fail_closed

GROUP = "codexplus.plugins"


@dataclass(frozen=True, slots=True)
class HookFunction:
    """One implementation of a hook: the function and the arguments it asks for, in its own order."""

    hook: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]


@dataclass(slots=True)
class Plugin:
    """A plugin as found: what it declares, what it implements, and why it did not load (``error``) if it did not.

    ``target`` is the module or object with the hooks, None while it was not imported: ``forbidden`` says that the
    administrator's policy does not let it load, so that its ``order`` is not known. ``warnings`` are for the user.
    """

    name: str
    order: int = 50
    distribution: str = ""
    version: str = ""
    target: object = None
    fail_closed: bool = False
    watches: tuple[str, ...] = ()
    enforces_policy: bool = False
    hooks: tuple[HookFunction, ...] = ()
    error: str | None = None
    forbidden: bool = False
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plugins:
    """All plugins of one start, sorted by order and name.

    ``plugins`` are those asked for, broken ones included; ``not_selected`` are installed but were
    left out, and not imported; ``required`` are the names that the user asked for.
    """

    plugins: tuple[Plugin, ...] = ()
    not_selected: tuple[Plugin, ...] = ()
    required: frozenset[str] = frozenset()

    @property
    def loaded(self) -> tuple[Plugin, ...]:
        """The plugins that work."""
        return tuple(plugin for plugin in self.plugins if plugin.error is None)

    @property
    def required_problems(self) -> list[str]:
        """What is wrong with plugins that were asked for by name, one message each; serving without them is no help."""
        return [plugin.error for plugin in self.plugins if plugin.name in self.required and plugin.error is not None]

    def call_sync(self, hook_name: str, **arguments: Any) -> list[tuple[str, Any]]:
        """What the plugins add through an ``add_*`` hook, as (plugin, item), in order; failures become warnings."""
        found: list[tuple[str, Any]] = []
        for plugin in self.loaded:
            for function in plugin.hooks:
                if function.hook != hook_name:
                    continue
                items, problem = _items(function, arguments)
                found += [(plugin.name, item) for item in items]
                if problem and problem not in plugin.warnings:
                    plugin.warnings.append(problem)
        return found

    def objections(self, config: Any, upstreams: Sequence[str]) -> list[str]:
        """Why plugins want nothing to be served with this configuration, one message each.

        A plugin with ``OBJECTIONS(config, upstreams)`` is asked before the port is opened: ``config`` is what becomes
        ``core.config``, ``upstreams`` are the base URLs that requests may go to. It gives texts. Where it fails, that
        is an objection of a FAIL_CLOSED plugin.
        """
        found: list[str] = []
        for plugin in self.loaded:
            ask = getattr(plugin.target, "OBJECTIONS", None)
            try:
                found += [] if ask is None else [str(text) for text in ask(config, tuple(upstreams))]
            except Exception as error:
                if plugin.fail_closed:
                    found.append(f"{_title(plugin)}: OBJECTIONS failed: {_reason(error)}")
        return found

    def unused(self, settings: Any) -> tuple[dict[str, str], list[str]]:
        """The settings that plugins cannot use as they stand, by key with why; and the plugins that could not say.

        A plugin with ``UNUSED(settings)`` is asked when settings are shown, and gives pairs of a key and a sentence.
        """
        found: dict[str, str] = {}
        failed: list[str] = []
        for plugin in self.loaded:
            ask = getattr(plugin.target, "UNUSED", None)
            try:
                said = [] if ask is None else [(str(key), str(why)) for key, why in ask(settings)]
            except Exception as error:
                failed.append(f"{_title(plugin)}: UNUSED failed: {_reason(error)}")
            else:
                found.update(said)
        return found, failed


def load_plugins(
    selection: Sequence[str] | None,
    *,
    entry_points: Iterable[metadata.EntryPoint] | None = None,
    extra: Mapping[str, object] | None = None,
    allowed: Sequence[str] | None = None,
) -> Plugins:
    """Load the selected plugins: None for all that are installed, ``"none"`` or names; ``extra`` objects always load.

    ``allowed`` are those that the administrator lets load (see ``is_allowed``), None for all; another one is not
    imported, and its ``error`` says so.
    Never raises for a plugin's fault: what is wrong with one stands in its ``error`` and ``warnings``.
    """
    installed = metadata.entry_points(group=GROUP) if entry_points is None else entry_points
    by_name: dict[str, list[metadata.EntryPoint]] = {}
    for entry in installed:
        by_name.setdefault(entry.name, []).append(entry)
    wanted = _wanted(selection, by_name)
    extra = extra or {}

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = [_missing(name, by_name) for name in wanted if name not in by_name and name not in extra]
    for name in by_name:
        if name in wanted and name not in extra:
            if allowed is not None and not is_allowed(_describe(name, by_name[name][0]), allowed):
                plugins.append(_forbidden(name, by_name[name][0]))
                continue
            plugins.append(_from_entry_points(manager, name, by_name[name]))
    for name, target in extra.items():
        plugin = Plugin(name)
        _load(manager, plugin, lambda target=target: target)  # type: ignore[misc]  # mypy infers no default argument
        plugins.append(plugin)
    # Those that were not imported come last: where they would stand only they know.
    plugins.sort(key=lambda plugin: (plugin.forbidden, plugin.order, plugin.name))
    left_out = [_describe(name, by_name[name][0]) for name in sorted(by_name) if name not in wanted]
    return Plugins(tuple(plugins), tuple(left_out), frozenset(() if selection is None else wanted))


def _wanted(selection: Sequence[str] | None, by_name: Mapping[str, Any]) -> tuple[str, ...]:
    if selection is None:
        return tuple(by_name)
    names = selection.split(",") if isinstance(selection, str) else selection
    stripped = [name.strip() for name in names]
    return tuple(dict.fromkeys(name for name in stripped if name and name != "none"))


def _missing(name: str, by_name: Mapping[str, Any]) -> Plugin:
    installed = ", ".join(sorted(by_name)) or "none"
    close = difflib.get_close_matches(name, by_name, n=1)
    guess = f"did you mean {close[0]}?" if close else "install it or take it out of --plugins"
    return Plugin(name, error=f"no plugin {name!r} is installed (installed: {installed}); {guess}")


def _describe(name: str, entry: metadata.EntryPoint) -> Plugin:
    if entry.dist is None:
        return Plugin(name)
    return Plugin(name, distribution=entry.dist.name, version=entry.dist.version)


def _forbidden(name: str, entry: metadata.EntryPoint) -> Plugin:
    plugin = _describe(name, entry)
    plugin.forbidden = True
    plugin.error = f"{_title(plugin)} is not one of those that your administrator allows (plugins.allowed); not loaded"
    return plugin


def _from_entry_points(manager: pluggy.PluginManager, name: str, entries: list[metadata.EntryPoint]) -> Plugin:
    plugin = _describe(name, entries[0])
    if len({(entry.value, entry.dist.name if entry.dist else "") for entry in entries}) > 1:
        # Neither may win: the order of entry points is that of the file system, and a name can be taken on purpose.
        owners = sorted(entry.dist.name if entry.dist else entry.value for entry in entries)
        plugin.error = f"plugin {name!r} is declared by {' and '.join(owners)}; uninstall all but one"
    else:
        _load(manager, plugin, entries[0].load)
    if plugin.error is not None and plugin.target is None:
        plugin.fail_closed = plugin.fail_closed or any(source_says_fail_closed(entry.module) for entry in entries)
    return plugin


def _load(manager: pluggy.PluginManager, plugin: Plugin, load: Callable[[], object]) -> None:
    """Import, check and register one plugin; whatever it throws becomes its ``error``."""
    stage = "cannot be imported"
    target: object = None
    try:
        target = load()
        if inspect.isclass(target):
            stage = "is a class that cannot be made without arguments"
            target = target()
        plugin.target = target
        stage = "cannot be read"
        declared = check_declarations(target)
        plugin.order, plugin.fail_closed, plugin.watches, plugin.enforces_policy = declared
        specs, marks_of = _specs(manager), manager.parse_hookimpl_opts
        plugin.warnings += check_hooks(target, plugin.watches, specs=specs, marks_of=marks_of)
        stage = "is not accepted by pluggy"
        manager.register(target, plugin.name)
        plugin.hooks = tuple(_functions(manager, plugin.name))
    except KeyboardInterrupt:
        raise
    except BadPlugin as error:
        plugin.error = f"{_title(plugin)} {error}"
    except BaseException as error:  # a module may well call sys.exit; the others load nevertheless
        plugin.error = f"{_title(plugin)} {stage}: {_reason(error)}"
    if plugin.error is not None:
        # How it would refuse still counts when something else in it is wrong.
        plugin.fail_closed = plugin.fail_closed or _says_fail_closed(target)


def _specs(manager: pluggy.PluginManager) -> dict[str, tuple[str, ...]]:
    callers = ((name, getattr(manager.hook, name)) for name in dir(manager.hook) if not name.startswith("_"))
    return {name: tuple(caller.spec.argnames) for name, caller in callers if caller.spec is not None}


def _says_fail_closed(target: object) -> bool:
    return target is not None and inspect.getattr_static(target, "FAIL_CLOSED", False) is not False


def _title(plugin: Plugin) -> str:
    origin = f" ({plugin.distribution} {plugin.version})" if plugin.distribution else ""
    return f"plugin {plugin.name!r}{origin}"


def _functions(manager: pluggy.PluginManager, name: str) -> list[HookFunction]:
    found = []
    callers = manager.get_hookcallers(manager.get_plugin(name)) or ()
    for caller in {caller.name: caller for caller in callers}.values():
        for impl in caller.get_hookimpls():
            if impl.plugin_name == name and caller.spec is not None:
                arguments = tuple(word for word in impl.argnames if word in caller.spec.argnames)
                found.append(HookFunction(caller.name, impl.function, arguments))
    return found


def _reason(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


_RETURNS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "add_commands": ("Command", lambda item: isinstance(item, Command)),
    "add_cli": ("CliCommand", lambda item: isinstance(item, CliCommand)),
    "add_checks": ("Check", lambda item: isinstance(item, Check)),
    "add_init_steps": ("InitStep", lambda item: isinstance(item, InitStep)),
    "add_routes": ("route", lambda item: isinstance(getattr(item, "path", None), str)),
}


def _items(function: HookFunction, arguments: Mapping[str, Any]) -> tuple[list[Any], str]:
    hook = function.hook
    try:
        made = function.function(*[arguments[name] for name in function.arguments])
        if inspect.isawaitable(made):
            if inspect.iscoroutine(made):
                made.close()
            return [], f"{hook} is async; make it a plain def that returns a list"
        items = [] if made is None else list(made)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return [], f"{hook} failed, nothing of it is added: {_reason(error)}"
    kind, fits = _RETURNS[hook]
    wrong = sorted({type(item).__name__ for item in items if not fits(item)})
    problem = f"{hook} returned {', '.join(wrong)} where a {kind} is due; left out" if wrong else ""
    return [item for item in items if fits(item)], problem
