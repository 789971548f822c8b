"""What plugins may rely on, name by name."""

from __future__ import annotations

import codexplus_core

PROMISED = {
    "API_VERSION",
    "Action",
    "Command",
    "Core",
    "Event",
    "Exchange",
    "LocalReply",
    "Refusal",
    "Session",
    "ToolCall",
    "ToolResult",
    "Turn",
    "hookimpl",
}
# What hooks are handed or return besides: `on_exchange_end` gets an Outcome with a Usage, `core.run` gives a RunResult,
# `core.start` a Running, it and `core.open` raise ActionDenied, CannotStart and CannotOpen,
# `core.files` gives an Opened, a Listing or a Found and raises AskFirst and CannotSave, a mention is a Reference,
# `core.transcripts` raises Problem, `core.packs` gives PackFiles,
# `core.approvals` takes Proposals and gives a Granted, `core.permissions` judges an Argv, a ReadFile and the like,
# `add_checks` returns Checks that return CheckResults, `add_cli` returns CliCommands, `add_init_steps` InitSteps;
# `open_core` is for what a CliCommand runs; `programs_of` and `shell_commands` say what a Proposal has to name;
# `private_dir`, `read_private` and `write_atomic` are for files of a plugin's own that hold secrets, below `state_dir`;
# `with_message` is what `on_chunk` returns; `code_span` and the like show what others wrote, in an answer
# or on a terminal; `read_yaml` reads what others wrote.
HANDED_OUT = {
    "ActionDenied", "Argv", "AskFirst", "AuditEvent", "CannotOpen", "CannotSave", "CannotStart", "Check", "CheckResult",
    "CliCommand", "CommandRow", "EditFile", "Fetch", "Found", "Granted", "InitStep", "Listing", "McpTool", "Opened",
    "Outcome", "PackFile", "Problem", "Proposal", "ReadFile", "Reference", "RefusedFile", "RunResult", "Running",
    "ShellText", "Usage", "WindowsText", "lines_of", "open_core", "permission_fault", "private_dir", "programs_of",
    "read_private", "reference_of", "shell_commands", "state_dir", "write_atomic",
    "code_block", "code_span", "counted", "plain_text", "printable", "short_path", "with_message",
    "BadYaml", "Yaml", "read_yaml",
}  # fmt: skip


def test_every_promised_name_is_public() -> None:
    assert set(codexplus_core.__all__) >= PROMISED


def test_nothing_else_is_public_by_accident() -> None:
    assert set(codexplus_core.__all__) - PROMISED - HANDED_OUT == set()


def test_every_public_name_exists_and_explains_itself() -> None:
    silent = [
        name
        for name in codexplus_core.__all__
        if name not in ("API_VERSION", "hookimpl") and not (getattr(codexplus_core, name).__doc__ or "").strip()
    ]

    assert silent == []


def test_the_api_version_is_a_whole_number_that_plugins_can_compare() -> None:
    assert isinstance(codexplus_core.API_VERSION, int)
