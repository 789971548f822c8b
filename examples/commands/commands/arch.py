"""Describe the architecture of this project, or of a folder in it."""

from pathlib import Path

ARGUMENT_HINT = "[folder]"
PERMISSIONS = ["read_repo"]  # nothing else of the disk, and no network

DEPTH = 3
MOST = 200
SKIPPED = {"node_modules", "__pycache__", "build", "dist", "target"}


def command(args):
    folder = Path(args[0] if args else ".")
    if not folder.is_dir():
        return {"reply": f"There is no folder {folder} here. Usage: /arch [folder]"}
    lines = list(tree(folder, DEPTH))
    more = f"\n(and {len(lines) - MOST} more)" if len(lines) > MOST else ""
    what = "this project" if folder == Path() else folder
    files = "\n".join(lines[:MOST])
    return f"""Describe the architecture of {what}: its parts, what each is for, and how they depend on each other.
Read what you need. These are its files:

{files}{more}"""


def tree(folder, depth, indent=""):
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in SKIPPED:
            continue
        is_folder = entry.is_dir() and not entry.is_symlink()
        yield f"{indent}{entry.name}{'/' if is_folder else ''}"
        if is_folder and depth > 1:
            yield from tree(entry, depth - 1, indent + "  ")
