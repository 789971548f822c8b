"""How the released versions of Codex differ on the wire, as recorded in tests/compat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Auth = Literal["chatgpt", "api"]

AGENTS = "# AGENTS.md instructions for {cwd}\n\n<INSTRUCTIONS>\nBe kind.\n</INSTRUCTIONS>"


@dataclass(frozen=True, slots=True)
class Version:
    """One version's habits; every field was seen in a recording unless its comment says inferred."""

    name: str
    model: str
    ids: Literal["none", "received", "all"]
    """``received`` (0.29): the API's ids come back, own items say ``id: null``; ``all`` (0.169): own items have ids."""
    passthrough: bool = False
    """Items carry ``internal_chat_message_metadata_passthrough``."""
    lite: bool = False
    """No ``instructions`` and ``tools`` fields: both are items of the input."""
    phase: bool = False
    interleaved: bool = False
    """Each call's output directly follows the call (0.29); later versions send all calls first."""
    keeps_cut: Literal["never", "later", "at once"] = "never"
    """What becomes of whole items of an answer that broke off: ``later`` = same body in the retry, kept afterwards."""
    abort_role: str | None = None
    """Who says ``<turn_aborted>`` after an interrupt; None: nobody, and nothing of the answer is kept.

    The real 0.60 keeps an answer's first reasoning or does not, by chance; when it does, and the answer was whole, the
    API refuses what it sends next (known to Codex's authors). The model takes the legal of the two.
    """
    resumes: bool = True
    repeats_context: bool = False
    """A resumed process sends its first context once more (0.98)."""
    compaction: Literal["trigger", "endpoint", "prompt"] = "prompt"
    compact_prompt: str = "You are performing a CONTEXT CHECKPOINT COMPACTION."
    zstd: bool = False
    """In ChatGPT mode."""
    websocket: bool = False
    """Tries a WebSocket first."""
    shell_tool: str = "shell_command"
    context: tuple[tuple[str, ...], ...] = (
        ("user", "<environment_context>\n  <cwd>{cwd}</cwd>\n</environment_context>"),
    )
    """The messages before the first prompt: who says them, then their texts."""
    effort: str | None = "medium"
    verbosity: str | None = None


_ENVIRONMENT = (
    "user",
    "<environment_context>\n  <cwd>{cwd}</cwd>\n  <shell>bash</shell>\n  <current_date>2026-01-01</current_date>\n"
    "  <timezone>Etc/UTC</timezone>\n</environment_context>",
)

VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        Version(
            "0.29.0", "gpt-5", "received", interleaved=True, resumes=False, shell_tool="shell",
            compact_prompt="Start Summarization",
        ),
        Version("0.60.1", "gpt-5.1-codex", "none", effort=None),
        Version(
            "0.98.0", "gpt-5.2-codex", "none", phase=True, keeps_cut="later", abort_role="user", repeats_context=True,
            compaction="endpoint", zstd=True, shell_tool="exec_command",
            context=(("developer", "<permissions instructions>"), ("user", AGENTS), _ENVIRONMENT),
        ),
        Version(
            "0.120.0", "gpt-5.3-codex", "none", phase=True, keeps_cut="later", abort_role="user",
            compaction="endpoint", zstd=True, websocket=True, shell_tool="exec_command", verbosity="low",
            context=(("developer", "<permissions instructions>", "<skills_instructions>"), _ENVIRONMENT),
        ),
        Version(
            "0.169.0", "gpt-6.1-sol", "all", passthrough=True, lite=True, phase=True, keeps_cut="at once",
            abort_role="developer", compaction="trigger", zstd=True, websocket=True, effort="low",
            verbosity="low",
            context=(_ENVIRONMENT,),
        ),
    )
}  # fmt: skip


def function(name: str, **properties: str) -> dict[str, Any]:
    """A function tool whose arguments are these (name=JSON type)."""
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    parameters = {**schema, "required": list(properties), "additionalProperties": False}
    return {"type": "function", "name": name, "description": name, "strict": False, "parameters": parameters}


def custom(name: str) -> dict[str, Any]:
    """A custom (free text) tool."""
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/s"}
    return {"type": "custom", "name": name, "description": name, "format": grammar}


def namespaces() -> list[dict[str, Any]]:
    """What 0.169 offers code-mode models, inside an ``additional_tools`` item."""
    return [
        {
            "type": "namespace", "name": "functions", "description": "",
            "tools": [custom("exec"), function("wait", cell_id="string"), function("request_user_input")],
        },
        {"type": "namespace", "name": "clock", "description": "", "tools": [function("sleep", seconds="number")]},
        {
            "type": "namespace", "name": "collaboration", "description": "",
            "tools": [function("spawn_agent", task_name="string", message="string"), function("list_agents")],
        },
    ]  # fmt: skip


def tools(version: Version) -> list[dict[str, Any]]:
    """What versions before lite models offer at the top of the request."""
    shells = {
        "shell": function("shell", command="array"),
        "shell_command": function("shell_command", command="string"),
        "exec_command": function("exec_command", cmd="string"),
    }
    made = [shells[version.shell_tool]]
    if version.name != "0.29.0":
        made += [function("update_plan", plan="array"), custom("apply_patch")]
    return [*made, function("view_image", path="string")]
