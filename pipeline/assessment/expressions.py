"""A small language for numerators and denominators: a safe part of SQL, checked before anything runs.

Allowed: columns of the base, numbers, texts in single quotes, ``+ - * /``, comparisons, ``AND OR NOT IN IS NULL``,
parentheses and the functions of ``FUNCTIONS``. Everything else (subqueries, aggregates, comments, parameters, other
tables) is a fault. The check walks the text as operands and operators in turn, so a dangling ``AND`` is found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FUNCTIONS = frozenset(
    [
        "if",
        "multiIf",
        "coalesce",
        "ifNull",
        "least",
        "greatest",
        "abs",
        "length",
        "empty",
        "notEmpty",
        "has",
        "hasAny",
        "startsWith",
        "dateDiff",
        "toFloat64",
    ]
)
"""Functions that look at one row only."""
_TOKEN = re.compile(
    r"\s+|(?P<comment>--|/\*|#)|(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<text>'[^'\\]*')|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<operator><=|>=|!=|[=<>+\-*/])|(?P<open>\()|(?P<close>\))|(?P<comma>,)|(?P<other>.)",
    re.DOTALL,
)
_BINARY, _VALUES = {"AND", "OR", "IN"}, {"NULL", "true", "false"}
_BEFORE = {"start", "operator", "open", "comma", "call"}
"""What an operand may follow."""


def faults_of(expression: str, columns: frozenset[str]) -> list[str]:
    """Everything that is wrong with an expression; an empty list when it may be used."""
    return list(_Walk(expression, columns).faults()) if expression.strip() else ["the expression is blank"]


class _Walk:
    """One pass over the tokens: what came before decides what may come next."""

    def __init__(self, expression: str, columns: frozenset[str]) -> None:
        self.tokens = [
            (found.lastgroup, found.group()) for found in _TOKEN.finditer(expression) if found.lastgroup is not None
        ]
        self.columns, self.before, self.depth = columns, "start", 0

    def faults(self) -> Iterator[str]:
        for at, (kind, text) in enumerate(self.tokens):
            following = self.tokens[at + 1][1] if at + 1 < len(self.tokens) else ""
            yield from self._step(str(kind), text, following)
        if self.depth > 0:
            yield f"{self.depth} parenthesis not closed"
        if self.before in ("operator", "call"):
            yield "the expression ends with an operator"

    def _step(self, kind: str, text: str, following: str) -> Iterator[str]:
        if kind in ("other", "comment"):
            yield f"{text!r} is not allowed"
        elif kind == "word":
            yield from self._word(text, following)
        elif kind in ("number", "text"):
            yield from self._operand(text)
        elif kind == "operator":
            yield from self._operator(text)
        else:
            yield from self._bracket(kind)

    def _word(self, text: str, following: str) -> Iterator[str]:
        if text in _BINARY:
            if not (text == "IN" and self.before == "not"):
                yield from self._operator(text)
            self.before = "operator"
        elif text == "NOT":
            self.before = "not" if self.before == "operand" else "operator"
        elif text == "IS":
            yield from self._operator(text)
        elif following == "(":
            if text not in FUNCTIONS:
                yield f"function {text!r} is not allowed: use one of {', '.join(sorted(FUNCTIONS))}"
            yield from self._operand(text)
            self.before = "call"
        else:
            if text not in _VALUES and text not in self.columns:
                yield f"{text!r} is no column of the base and no word of the language"
            yield from self._operand(text)

    def _operand(self, text: str) -> Iterator[str]:
        if self.before not in _BEFORE:
            yield f"an operator is missing before {text!r}"
        self.before = "operand"

    def _operator(self, text: str) -> Iterator[str]:
        signed = text == "-" and self.before in _BEFORE
        if self.before != "operand" and not signed:
            yield f"a value is missing before {text!r}"
        self.before = "operator"

    def _bracket(self, kind: str) -> Iterator[str]:
        if kind == "open":
            if self.before not in _BEFORE:
                yield "an operator is missing before '('"
            self.depth, self.before = self.depth + 1, "open"
        elif kind == "close":
            if self.depth == 0:
                yield "a parenthesis is closed that was not opened"
            elif self.before != "operand":
                yield "a value is missing before ')'"
            self.depth, self.before = max(0, self.depth - 1), "operand"
        elif self.before != "operand" or self.depth == 0:
            yield "a value is missing before ','" if self.depth else "',' stands outside a call or list"
            self.before = "comma"
        else:
            self.before = "comma"
