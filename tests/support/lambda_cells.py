"""LAMBDA names as plain cells, for engines that know no LAMBDA: every value that is bound becomes a column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'"(?:[^"]|"")*"|[(),]|(?P<call>[^\W\d][\w.]*(?=\())|_xl\w\w\.\w+|[^"(),]')
_SIMPLE = re.compile(r'\{\w+\}|-?[\d.]+(E[+-]?\d+)?|"[^"]*"|icp_\w+', re.IGNORECASE)


@dataclass(frozen=True)
class Closure:
    """A LAMBDA with what was bound where it stood."""

    names: tuple[str, ...]
    body: list[Any]
    bound: Mapping[str, Any]


@dataclass
class Cells:
    """Expands calls of the ``functions``; ``columns`` are the helper columns by key, in order, each a formula."""

    functions: Mapping[str, str]
    columns: dict[str, str] = field(default_factory=dict)

    def call(self, name: str, *cells: str | None) -> str:
        """The formula of a call with cells as arguments; ``None`` is left out."""
        closure = self._closure(_parse(self.functions[name])[0], {})
        return self._apply(closure, list(cells))

    def _closure(self, node: Any, bound: Mapping[str, Any]) -> Closure:
        names = tuple("".join(part).strip().split(".", 1)[1] for part in node[1][:-1])
        return Closure(names, node[1][-1], bound)

    def _apply(self, closure: Closure, values: list[Any]) -> str:
        values = values + [None] * (len(closure.names) - len(values))
        given = {name: self._bound(value) for name, value in zip(closure.names, values, strict=True)}
        return self.text(closure.body, {**closure.bound, **given})

    def _bound(self, value: Any) -> Any:
        if not isinstance(value, str) or _SIMPLE.fullmatch(value):
            return value
        known = {text: key for key, text in self.columns.items()}
        key = known.get(value, f"step{len(self.columns)}")
        self.columns[key] = value
        return f"{{{key}}}"

    def value(self, nodes: list[Any], bound: Mapping[str, Any]) -> Any:
        """An argument: a LAMBDA or a parameter as it is, else its text."""
        if len(nodes) == 1:
            if isinstance(nodes[0], tuple) and nodes[0][0] == "LAMBDA":
                return self._closure(nodes[0], bound)
            if isinstance(nodes[0], str) and nodes[0].startswith("_xlpm."):
                return bound[nodes[0].split(".", 1)[1]]
        return self.text(nodes, bound)

    def text(self, nodes: list[Any], bound: Mapping[str, Any]) -> str:
        """An expression in terms of cells."""
        return "".join(self._node(node, bound) for node in nodes)

    def _node(self, node: Any, bound: Mapping[str, Any]) -> str:
        if isinstance(node, str):
            return str(bound[node.split(".", 1)[1]]) if node.startswith("_xlpm.") else node
        name, arguments = node
        if name == "IF" and isinstance(arguments[0][0], tuple) and arguments[0][0][0] == "ISOMITTED":
            omitted = self.value(arguments[0][0][1][0], bound) is None
            return self.text(arguments[1 if omitted else 2], bound)
        if name == "LET":
            bound = dict(bound)
            for key, value in zip(arguments[:-1:2], arguments[1:-1:2], strict=True):
                bound["".join(key).split(".", 1)[1]] = self._bound(self.value(value, bound))
            return self.text(arguments[-1], bound)
        values = [self.value(argument, bound) for argument in arguments]
        if name.startswith("_xlpm."):
            return f"({self._apply(bound[name.split('.', 1)[1]], values)})"
        if name in self.functions:
            return f"({self._apply(self._closure(_parse(self.functions[name])[0], {}), values)})"
        return f"{name}({','.join(values)})"


def _parse(formula: str) -> list[Any]:
    """A formula as texts and calls: a call is its name with its arguments, each a list of these."""
    stack: list[tuple[str, list[list[Any]]]] = [("", [[]])]
    waiting = ""
    for found in _TOKEN.finditer(formula):
        token = found[0]
        if found["call"]:
            waiting = token
        elif token == "(":
            stack.append((waiting, [[]]))
            waiting = ""
        elif token == ")":
            name, arguments = stack.pop()
            stack[-1][1][-1] += [(name, arguments)] if name else ["(", *arguments[0], ")"]
        elif token == ",":
            stack[-1][1].append([])
        else:
            stack[-1][1][-1].append(token)
    return stack[0][1][0]
