"""Errors that a user can act on.

Every error of the package is an :class:`IcpError`. Its text says what is wrong, where (file, sheet, row, column),
what was got, what is allowed and what to do next. Only the command line, the macros and the worksheet functions
turn an error into text; everything else lets it propagate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    >>> print(Fault("unknown setting", where="icp_xl.yaml line 3", got="scorring", allowed="scoring"))
    unknown setting (where: icp_xl.yaml line 3; got: scorring; allowed: scoring)
    """

    what: str
    where: str | None = None
    got: str | None = None
    allowed: str | None = None
    next_step: str | None = None

    def __str__(self) -> str:
        details = [
            f"{name}: {value}"
            for name, value in (("where", self.where), ("got", self.got), ("allowed", self.allowed))
            if value
        ]
        text = self.what + (f" ({'; '.join(details)})" if details else "")
        return text + (f". {self.next_step}" if self.next_step else "")


class IcpError(Exception):
    """Base of every error that the package raises on purpose.

    Args:
        what: the problem in one sentence without a full stop.
        where: file, sheet, row, column, or settings key.
        got: the offending value, shortened by the caller; never a whole row of a user's data.
        allowed: what would have been accepted.
        next_step: what the user should do now, as a sentence.
        faults: several faults reported together; then ``what`` is their heading.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        got: object = None,
        allowed: object = None,
        next_step: str | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        self.fault = Fault(
            what,
            where,
            None if got is None else str(got),
            None if allowed is None else str(allowed),
            next_step,
        )
        self.faults: Sequence[Fault] = tuple(faults)
        super().__init__(what)

    def __str__(self) -> str:
        if not self.faults:
            return str(self.fault)
        return "\n".join([str(self.fault), *(f"  - {fault}" for fault in self.faults)])

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (workers, background jobs), and keyword-only arguments do not pickle by default.
        return (_rebuild, (type(self), self.fault, tuple(self.faults)))


def _rebuild(kind: type[IcpError], fault: Fault, faults: tuple[Fault, ...]) -> IcpError:
    error = kind.__new__(kind)
    Exception.__init__(error, fault.what)
    error.fault = fault
    error.faults = faults
    return error


class ConfigError(IcpError):
    """A setting is unknown, impossible, or contradicts another."""

    exit_code = 2


class SourceError(IcpError):
    """An input file cannot be read as what it should be."""

    exit_code = 3


class MissingColumnsError(SourceError):
    """A source lacks columns that the work needs."""


class LockedWorkbookError(SourceError):
    """A workbook is open elsewhere, or held by another program."""


class DataError(IcpError):
    """The inputs were read, but what they hold cannot be worked with."""

    exit_code = 4


class InsufficientDataError(DataError):
    """There is too little data for the answer to mean anything."""


class DeliveryError(IcpError):
    """A result cannot be written where it was asked to go."""

    exit_code = 5


class Cancelled(IcpError):
    """The user asked to stop; nothing half written is left behind."""

    exit_code = 130

    def __init__(self, what: str = "cancelled: nothing was changed") -> None:
        super().__init__(what)
