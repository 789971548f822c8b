"""The layers keep their distance: who may import what, and which door each effect goes through."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from contract.source_tree import (
    CORE,
    PLUGIN_PACKAGES,
    PLUGINS,
    ROOT,
    core_files,
    imports,
    module_name,
    place,
    plugin_files,
    tree,
)

import codexplus_core

PURE = ("protocol", "conversation")
IMPURE_STDLIB = {
    "asyncio",
    "concurrent",
    "datetime",
    "http",
    "logging",
    "multiprocessing",
    "os",
    "queue",
    "sched",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
PURE_PACKAGES = {"msgspec"}  # JSON; a codec, no effects

# Third-party package: where in the core it may be imported. Everything else is free to use any dependency.
DOORS = {
    # One door in six parts: upstream.py chooses, the others set up, step, call, and live inside curl's callbacks.
    "curl_cffi": (
        "proxy/upstream.py",
        "proxy/upstream_easy.py",
        "proxy/upstream_multi.py",
        "proxy/upstream_handle.py",
        "proxy/upstream_libcurl.py",
        "proxy/upstream_socket.py",
    ),
    "starlette": ("proxy/",),
    "pluggy": ("hookspecs.py", "loader.py", "dispatch.py"),
}
PROCESS_DOOR = (
    "services/run.py",
    "services/starting.py",
    # A program that is talked to while it runs needs its pipes, and its group at its end.
    "services/talking.py",
    # A program on a terminal of its own needs a session and a process that leads it.
    "services/pty_process.py",
    # The sandbox's launcher is a process of its own; in it these fork, supervise and become the program.
    "services/sandbox/launching.py",
    "services/sandbox/launcher/serve.py",
    "services/sandbox/launcher/supervise.py",
    "services/sandbox/launcher/child.py",
    "services/sandbox/launcher/canary.py",
)
PROCESS_MODULES = {"subprocess", "pty", "multiprocessing"}
PROCESS_CALLS = {
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "subprocess_shell",
    "posix_spawn",
    "posix_spawnp",
}
OS_PROCESS_CALLS = ("system", "popen", "fork", "forkpty", "spawn", "exec")

# The pure layers, and all of the core that each may know.
BELOW = {"protocol": {"protocol"}, "conversation": {"conversation", "protocol", "exchange"}}
# Other layers: what of the core each must not know.
ABOVE = {
    "services": {"proxy", "terminal", "cli", "testing"},
    "loader": {"proxy", "cli", "testing"},
    "dispatch": {"proxy", "cli", "testing"},
    "hookspecs": {"services", "loader", "dispatch", "proxy", "cli", "testing"},
    "exchange": {"services", "loader", "dispatch", "proxy", "cli", "testing", "hookspecs"},
    "proxy": {"terminal", "cli", "testing"},
    "terminal": {"proxy", "loader", "dispatch", "cli", "testing"},
}

MAY_CATCH_EXCEPTION = ("loader.py", "dispatch_calls.py", "proxy/answering.py")
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager"}
MUTABLE_MAKERS = {
    "list",
    "dict",
    "set",
    "bytearray",
    "defaultdict",
    "deque",
    "OrderedDict",
    "Counter",
    "WeakValueDictionary",
}
MUTATORS = {
    "append",
    "extend",
    "insert",
    "pop",
    "popitem",
    "popleft",
    "appendleft",
    "remove",
    "clear",
    "add",
    "discard",
    "update",
    "setdefault",
}


def in_core(path: Path) -> str:
    return path.relative_to(CORE).as_posix()


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "codexplus_core" and len(parts) > 1 else ""


def test_protocol_and_conversation_are_pure() -> None:
    wrong = []
    for path in core_files():
        if layer(module_name(path)) not in PURE:
            continue
        for node, module, _ in imports(path):
            top = module.split(".")[0]
            if top == "codexplus_core" or top in PURE_PACKAGES:
                continue
            if top in IMPURE_STDLIB or top not in sys.stdlib_module_names:
                wrong.append(f"{place(path, node)} imports {module}")

    assert wrong == []


def test_a_layer_never_imports_one_above_it() -> None:
    wrong = []
    for path in core_files():
        own = layer(module_name(path))
        for node, module, names in imports(path):
            if module.split(".")[0] != "codexplus_core":
                continue
            known = {layer(module)} if layer(module) else {layer(f"{module}.{name}") for name in names}
            forbidden = known - BELOW[own] if own in BELOW else known & ABOVE.get(own, set())
            wrong += [f"{place(path, node)} imports {name}" for name in sorted(forbidden)]

    assert wrong == []


@pytest.mark.parametrize("package", sorted(DOORS))
def test_a_library_is_imported_through_its_one_door(package: str) -> None:
    wrong = [
        f"{place(path, node)} imports {module}"
        for path in core_files()
        if not in_core(path).startswith(DOORS[package])
        for typing_only in (False, True)
        for node, module, _ in imports(path, typing_only=typing_only)
        if module.split(".")[0] == package
    ]

    assert wrong == []


def test_processes_start_in_one_file() -> None:
    wrong = []
    for path in core_files() + [path for name in PLUGINS for path in plugin_files(name)]:
        if path.is_relative_to(CORE) and in_core(path) in PROCESS_DOOR:
            continue
        wrong += [
            f"{place(path, node)} imports {module}" for node, module, _ in imports(path) if module in PROCESS_MODULES
        ]
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Attribute):
                continue
            of_os = (
                isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr.startswith(OS_PROCESS_CALLS)
            )
            if node.attr in PROCESS_CALLS or of_os:
                wrong.append(f"{place(path, node)} uses {ast.unparse(node)}")

    assert wrong == []


@pytest.mark.req("D2")
def test_the_core_never_imports_a_plugin() -> None:
    wrong = [
        f"{place(path, node)} imports {module}"
        for path in core_files()
        for typing_only in (False, True)
        for node, module, _ in imports(path, typing_only=typing_only)
        if module.split(".")[0] in PLUGIN_PACKAGES
    ]

    assert wrong == []


@pytest.mark.req("D2")
@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_uses_public_names_of_the_core_and_no_other_plugin(name: str) -> None:
    wrong = [breach for path in plugin_files(name) for breach in breaches_of_a_plugin(path, own=f"codexplus_{name}")]

    assert wrong == []


def test_the_example_plugin_uses_public_names_only() -> None:
    path = ROOT / "examples/codex-plus-ping/codexplus_ping.py"

    wrong = breaches_of_a_plugin(path, own="codexplus_ping")

    assert wrong == []


def breaches_of_a_plugin(path: Path, *, own: str) -> list[str]:
    wrong = []
    public = set(codexplus_core.__all__)
    for typing_only in (False, True):
        for node, module, names in imports(path, typing_only=typing_only):
            top = module.split(".")[0]
            if top == "codexplus_core" and (module != "codexplus_core" or not set(names) <= public or not names):
                wrong.append(f"{place(path, node)} imports {module}: {', '.join(names)}")
            if top.startswith("codexplus_") and top not in ("codexplus_core", own):
                wrong.append(f"{place(path, node)} imports {module}")
    return wrong


def test_except_exception_stands_in_three_files_only() -> None:
    wrong = []
    for path in core_files():
        if in_core(path) in MAY_CATCH_EXCEPTION:
            continue
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = (
                {leaf.id for leaf in ast.walk(node.type) if isinstance(leaf, ast.Name)} if node.type else {"everything"}
            )
            # Catching everything to clean up and raise it again hides nothing.
            raises_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if caught & {"Exception", "BaseException", "everything"} and not raises_again:
                wrong.append(place(path, node))

    assert wrong == []


def shipped_files() -> list[Path]:
    return core_files() + [path for name in PLUGINS for path in plugin_files(name)]


def test_nothing_happens_at_import() -> None:
    harmless = (
        ast.Import,
        ast.ImportFrom,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Assign,
        ast.AnnAssign,
        ast.If,
        ast.Try,
    )

    wrong = [
        f"{place(path, node)}: {ast.unparse(node)[:60]}"
        for path in shipped_files()
        for node in tree(path).body
        if not isinstance(node, harmless) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]

    assert wrong == []


def test_modules_keep_no_state() -> None:
    wrong = [f"{place(path, node)}: {what}" for path in shipped_files() for node, what in state_in(tree(path))]

    assert wrong == []


def state_in(module: ast.Module) -> list[tuple[ast.AST, str]]:
    """Lower-case containers at module level, constants that someone changes, and `global`."""
    found: list[tuple[ast.AST, str]] = []
    names = set()
    for statement in module.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            names.add(target.id)
            if (
                makes_container(statement.value)
                and target.id != "__all__"
                and target.id.strip("_") != target.id.strip("_").upper()
            ):
                found.append((statement, f"{target.id} is a container; write it in capitals if it is a constant"))
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            found.append((node, f"global {', '.join(node.names)}"))
        changed = changed_name(node)
        if changed in names:
            found.append((node, f"changes {changed}"))
    return found


def makes_container(value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    return isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in MUTABLE_MAKERS


def changed_name(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        changed: ast.expr = node.func.value
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        changed = node.value
    else:
        return ""
    # A local variable may carry the same name; constants are in capitals, locals are not.
    return changed.id if isinstance(changed, ast.Name) and changed.id.isupper() else ""


def test_modules_are_named_after_what_they_hold() -> None:
    wrong = [place(path) for path in shipped_files() if VAGUE_NAMES & set(path.relative_to(ROOT).with_suffix("").parts)]

    assert wrong == []
