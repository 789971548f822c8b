"""What a worker brought back: the line that it wrote among everything else, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping

from codexplus_core import RunResult

MESSAGE_CHARACTERS = 2000
"""The longest message of an error that is shown."""


class WentWrong(Exception):
    """The user's code came to nothing.

    The message says what and what to do; ``line`` is the file's, 0 where unknown, and ``code`` what stands in it.
    """

    def __init__(self, message: str, *, line: int = 0, code: str = "") -> None:
        super().__init__(message[:MESSAGE_CHARACTERS])
        self.line = line
        self.code = code


def answer_of(result: RunResult, mark: str, seconds: float) -> Mapping[str, str]:
    """The answer: ``prompt``, ``reply`` or ``passed`` with a text. Raises WentWrong.

    What came back is checked like anything that a stranger wrote.
    """
    answer = _line(result.stdout, mark)
    if answer is None:
        raise WentWrong(_nothing(result, seconds))
    if isinstance(answer.get("error"), str):
        line, code = answer.get("line"), answer.get("code")
        raise WentWrong(
            _whole(answer["error"]),
            line=line if isinstance(line, int) and line > 0 else 0,
            code=_whole(code) if isinstance(code, str) else "",
        )
    for name in ("prompt", "reply"):
        if isinstance(answer.get(name), str):
            return {name: _whole(answer[name])}
    if answer.get("passed") is True:
        return {"passed": ""}
    raise WentWrong("returned what is neither a prompt nor a reply")


def _line(output: bytes, mark: str) -> dict[str, object] | None:
    """The last line that bears the mark, so that nothing printed before it counts."""
    start = output.rfind(b"\x1e" + mark.encode())
    end = output.find(b"\n", start)
    if start < 0 or end < 0:
        return None
    try:
        found = json.loads(output[start + 1 + len(mark) : end])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _nothing(result: RunResult, seconds: float) -> str:
    if result.timed_out:
        return f"took longer than {seconds:g} s; make it faster, or declare another `timeout` in it"
    if result.truncated:
        return "printed so much past standard output that its result is lost; print less"
    code = result.returncode
    how = f"exit code {code}" if code is None or code >= 0 else f"signal {-code}"
    last = result.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"ended with {how} before it returned anything{': ' if last else ''}{''.join(last)[:500]}"


def _whole(text: object) -> str:
    """A text that can be sent: JavaScript's may hold halves of characters."""
    return str(text).encode("utf-8", "replace").decode("utf-8")
