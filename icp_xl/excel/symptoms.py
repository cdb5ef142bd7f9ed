"""One answer of the doctor's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["good", "note", "bad"]
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Symptom:
    """One answer: ``bad`` keeps the add-in from working, ``note`` is worth knowing."""

    state: State
    topic: str
    text: str
    next_step: str = ""

    def line(self) -> str:
        """One line of text.

        >>> Symptom("bad", "Python", "too old", "Install 3.11.").line()
        'NO    Python: too old. Install 3.11.'
        """
        mark = {"good": "ok   ", "note": "note ", "bad": "NO   "}[self.state]
        text = f"{mark} {self.topic}: {self.text}" + (f". {self.next_step}" if self.next_step else "")
        # A name of an odd machine may hold what no screen shows.
        return _UNSEEN.sub("?", text.encode("utf-8", "replace").decode())


def examined(parts: Iterable[tuple[str, Callable[[], Iterable[Symptom]]]]) -> Iterator[Symptom]:
    """The answers of every part; one that fails is an answer itself, and what it said before stands."""
    for topic, part in parts:
        try:
            yield from part()
        except Exception as error:  # Whatever an odd machine makes of a question, the others are answered.
            text = f"it could not be examined ({type(error).__name__}: {str(error)[:200]})"
            yield Symptom("bad", topic, text, "Please report it.")
