"""YAML from files and cells that may come from somebody else: plain values only, and bounded work.

An alias can make a few hundred characters expand to gigabytes, and deep nesting ends Python's stack, so both are
refused before anything is built. Source: YAML 1.2.2, sections 3.2.2.2 (anchors and aliases) and 10.3 (core schema).
"""

from __future__ import annotations

from typing import Any

import yaml

#: Settings of this project need four levels.
DEEPEST = 20
LONGEST = 1_000_000


def load_yaml(text: str) -> Any:
    """The plain values that ``text`` holds.

    Raises:
        yaml.YAMLError: no valid YAML, an alias or anchor, nesting deeper than :data:`DEEPEST`, more than
            :data:`LONGEST` characters, or a date that no calendar has.

    >>> load_yaml("a: [1, x]")
    {'a': [1, 'x']}
    """
    check_bounds(text)
    try:
        return yaml.safe_load(text)
    except (ValueError, OverflowError, RecursionError) as error:
        # PyYAML lets the constructors of dates and numbers fail in their own way.
        raise yaml.YAMLError(f"a value that does not exist: {error}") from None


def check_bounds(text: str) -> None:
    """Refuse what could take unbounded work, by the stream of events, which builds nothing."""
    if len(text) > LONGEST:
        raise yaml.YAMLError(f"more than {LONGEST:,} characters")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="aliases (& and *) are not allowed", problem_mark=_mark(event))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"more than {DEEPEST} levels", problem_mark=_mark(event))


def _mark(event: yaml.Event) -> Any:
    # The marks of PyYAML's two parsers have no type in common.
    return event.start_mark
