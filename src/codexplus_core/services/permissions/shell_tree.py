"""A second reading of a command, by tree-sitter's grammar of Bash, that must agree with ours on every word."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .shell_words import Odd, Operator, Redirect, Simple, Token

if TYPE_CHECKING:
    from tree_sitter import Language, Node

Span = tuple[str, int, int]
_SEQUENCES = frozenset(("program", "list", "pipeline", "redirected_statement"))
_JOINTS = frozenset(("&&", "||", "|", "|&"))
_LITERALS = frozenset(("word", "number", "raw_string", "string", "string_content", "concatenation", '"'))


@cache
def _language() -> Language:
    # Loading the grammar takes tens of milliseconds; only a proxy that judges a command pays for it.
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Language(tree_sitter_bash.language())


def agree(text: str, tokens: list[Token], commands: list[Simple]) -> None:
    """Raise Odd unless tree-sitter finds the same words, redirections and joints at the same bytes.

    The two readings have nothing in common, so an error in one (tree-sitter parts words at a backslash before a tab,
    which shells do not) is caught by the other, and the bytes between two nodes are blanks in both.
    """
    import tree_sitter

    root = tree_sitter.Parser(_language()).parse(text.encode()).root_node
    if root.has_error:
        raise Odd("text that is no complete command")
    seen: list[Span] = []
    _walk(root, seen)
    seen.sort(key=lambda span: span[1])
    if seen != _expected(text, tokens, commands):
        raise Odd("text that two readers take apart differently")


def _expected(text: str, tokens: list[Token], commands: list[Simple]) -> list[Span]:
    first = {command.words[0].start for command in commands}
    spans: list[Span] = []
    for token in tokens:
        if isinstance(token, Operator):
            if token.text in _JOINTS:
                spans.append((token.text, token.start, token.end))
        elif isinstance(token, Redirect):
            spans.append(("redirect", token.start, token.end))
        else:
            spans.append(("program" if token.start in first else "word", token.start, token.end))
    if text.isascii():
        return spans
    return [(kind, len(text[:start].encode()), len(text[:end].encode())) for kind, start, end in spans]


def _walk(node: Node, seen: list[Span]) -> None:
    for child in node.children:
        kind = child.type
        if kind in _SEQUENCES:
            _walk(child, seen)
        elif kind == "command":
            _command(child, seen)
        elif kind == "file_redirect":
            _redirect(child, seen)
        elif kind in _JOINTS:
            seen.append((kind, child.start_byte, child.end_byte))
        elif kind not in (";", "\n", "comment"):
            raise Odd(f"a {kind.replace('_', ' ')}")


def _command(node: Node, seen: list[Span]) -> None:
    for child in node.children:
        if child.type == "file_redirect":
            _redirect(child, seen)
        elif child.type == "command_name":
            _literal(child.children[0])
            seen.append(("program", child.start_byte, child.end_byte))
        else:
            _literal(child)
            seen.append(("word", child.start_byte, child.end_byte))


def _redirect(node: Node, seen: list[Span]) -> None:
    for child in node.children_by_field_name("destination"):
        _literal(child)
    seen.append(("redirect", node.start_byte, node.end_byte))


def _literal(node: Node) -> None:
    if node.type not in _LITERALS:
        raise Odd(f"a {node.type.replace('_', ' ')}")
    for child in node.children:
        _literal(child)
