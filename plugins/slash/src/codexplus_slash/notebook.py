"""A Jupyter notebook as the model reads it: its cells in order, with what they printed."""

from __future__ import annotations

import json
from typing import Any


def cells_of(text: str) -> str | None:
    """The cells of a notebook as JSON, in the shape of Claude Code 2.1; None for what is no notebook."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return None
    parts = [part for at, cell in enumerate(cells) if isinstance(cell, dict) for part in _parts(cell, at)]
    return json.dumps([{"text": part, "type": "text"} for part in parts], ensure_ascii=False, separators=(",", ":"))


def _parts(cell: dict[str, Any], at: int) -> list[str]:
    kind, name = cell.get("cell_type"), f"cell-{at}"
    if isinstance(cell.get("id"), str):
        name = cell["id"]
    mark = "" if kind == "code" else f"<cell_type>{kind}</cell_type>"
    found = [f'<cell id="{name}">{mark}{_joined(cell.get("source"))}</cell id="{name}">']
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        words = _printed(output) if isinstance(output, dict) else ""
        if words:
            found.append(f"\n{words}")
    return found


def _printed(output: dict[str, Any]) -> str:
    data = output.get("data")
    if isinstance(data, dict):
        return _joined(data.get("text/plain"))
    if output.get("output_type") == "error":
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    return _joined(output.get("text"))


def _joined(value: object) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
