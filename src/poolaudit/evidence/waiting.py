"""Whether a stretch of a program can wait for anything, such as the work that a pool was given.

Knows which calls of Python code come back at once. Must never know a rule or an edit: it reads text, and an unknown call waits.
"""

from __future__ import annotations

import re

from poolaudit.facts import Block, FileFacts, Operation, inside
from poolaudit.survey.families import ASYNC_METHODS, LAZY_METHODS

_CALL = re.compile(r"([A-Za-z_][\w.]*|[\])\"'])\s*\(")
_WAITING_WORDS = re.compile(r"\b(?:await|yield|with|while|async)\b")
_CLASS = re.compile(r"(?:\w+\.)*[A-Z]\w*[a-z]\w*")
_COMMENT = re.compile(r"#.*")

_QUIET_WORDS = frozenset(
    {"in", "not", "and", "or", "if", "elif", "else", "return", "for", "is", "except", "raise", "lambda", "del"}
)
_QUIET_BUILTINS = frozenset(
    {"bool", "enumerate", "float", "format", "int", "isinstance", "len", "print", "range", "repr", "round", "str"}
)
_QUIET_METHODS = frozenset(
    {"append", "format", "copy", "cancel", "cancelled", "done", "strip", "startswith", "endswith", "upper", "lower", "title"}
    | {"debug", "info", "warning", "warn", "error", "critical", "exception", "log"}
    | {"submit"}
    | ASYNC_METHODS
    | LAZY_METHODS
)


def may_wait(text: str, ignoring: frozenset[str] = frozenset(), constructors: bool = True) -> bool:
    """Something in `text` may block: a call that is not known to return at once, `with`, `while`, `await` or `yield`.

    `ignoring`: methods that do not count. `constructors`: calls of CamelCase names count.
    Text inside strings is taken for code: it errs towards waiting.
    """
    text = _COMMENT.sub("", text)
    callees = (match[1] for match in _CALL.finditer(text))
    return bool(_WAITING_WORDS.search(text)) or any(
        not _quiet(callee, ignoring) and (constructors or not _CLASS.fullmatch(callee)) for callee in callees
    )


def _quiet(callee: str, ignoring: frozenset[str]) -> bool:
    receiver, _, name = callee.rpartition(".")
    if receiver:
        return name in _QUIET_METHODS or name in ignoring
    return name in _QUIET_BUILTINS or name in _QUIET_WORDS


def outstanding_at_end(operation: Operation, block: Block, file: FileFacts) -> bool:
    """Nothing between the operation and the end of the `with` block can wait: its work is not done when the block ends."""
    if not inside(operation.point, block):
        return False
    inner = operation.point.path[next(i for i, step in enumerate(operation.point.path) if step.block.id == block.id) + 1 :]
    if any(step.block.kind in ("with", "while", "generator", "class") or step.block.forever for step in inner):
        return False
    if operation.point.statement.form == "return" and not any(step.block.has_finally for step in inner):
        return True
    return not may_wait(file.text[operation.point.statement.span.end : block.body.end])
