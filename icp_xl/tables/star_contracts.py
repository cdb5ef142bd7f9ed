"""What the tables must be: pandera contracts for the dimensions, and the findings that a user can act on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd

from icp_xl.artifacts import VIOLATIONS
from icp_xl.errors import DataError, Fault, IcpError, InsufficientDataError, MissingColumnsError

COLUMNS = ("table", "row", "column", "reason", "severity", "value")
#: Lines that every real log has; they are left out and counted. Any other reason is a fault of the log.
ORDINARY = (
    "no account",
    "exact duplicate",
    "no readable date",
    "before the earliest date",
    "neither code nor division",
    "no readable revenue",
)
REQUIRED = ("date", "account_id", "revenue")
EITHER = ("sku", "division")


@dataclass(frozen=True)
class Contract:
    """One rule that was checked: on which table, what it says, how many rows break it."""

    table: str
    rule: str
    broken: int
    severity: str = "error"

    @property
    def status(self) -> str:
        """``ok``, or the severity."""
        return "ok" if self.broken == 0 else self.severity


@dataclass(frozen=True)
class Findings:
    """What is to be reported of a log, whether it can be built from or not.

    ``contracts``: the rules that were checked. ``violations``: one row per breach with :data:`COLUMNS`. ``cleaning``:
    peculiarities of the log and how often each occurs, where the lines could be read so far.
    """

    contracts: list[Contract]
    violations: pd.DataFrame
    cleaning: pd.DataFrame | None = None


class ContractBroken(DataError):
    """The log breaks its contract; ``findings`` says where."""

    findings: Findings


class NothingLeft(InsufficientDataError):
    """No line of the log can be used; ``findings`` says why."""

    findings: Findings


def check_columns(present: Sequence[str]) -> None:
    """The log has what a build needs.

    Raises:
        MissingColumnsError: names every column that is missing.
    """
    missing = [name for name in REQUIRED if name not in present]
    if not any(name in present for name in EITHER):
        missing.append("sku or division")
    if missing:
        raise MissingColumnsError(
            "the sales log lacks columns that the build needs",
            got=", ".join(present),
            faults=[Fault(f"column {name} is missing", where="sales log") for name in missing],
            next_step="Name the log's own headers under `columns: sales:` in the settings, and run again.",
        )


@contextmanager
def _without_word_of_pyspark() -> Iterator[None]:
    """pandera imports pyspark where it is installed, and that warns of pandas 3, which nothing here gives it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        yield


@_without_word_of_pyspark()
def check_dimensions(
    customers: pd.DataFrame, products: pd.DataFrame, dates: pd.DataFrame, assets: pd.DataFrame
) -> tuple[list[Contract], pd.DataFrame]:
    """Keys, ranges and types of the dimensions by pandera, with one violation per row that breaks one.

    Args:
        customers: ``dim_customer``, one row per account.
        products: ``dim_product``, one row per code.
        dates: ``dim_date``, one row per day.
        assets: ``fact_assets``, one row per asset.

    Returns:
        One contract per table, and one row per violation.
    """
    import pandera.pandas as pa

    positive = pa.Check.gt(0)
    schemas = {
        "dim_customer": (
            customers,
            pa.DataFrameSchema(
                {
                    "account_key": pa.Column("int64", positive),
                    "account_id": pa.Column(None, pa.Check.str_length(min_value=1), unique=True),
                    "annual_revenue": pa.Column(float, pa.Check.ge(0), nullable=True),
                    "printers": pa.Column(float, pa.Check.ge(0), nullable=True),
                    "do_not_contact": pa.Column(bool),
                }
            ),
        ),
        "dim_product": (
            products,
            pa.DataFrameSchema(
                {"sku_key": pa.Column("int64", positive, unique=True), "fold": pa.Column(None, unique=True)}
            ),
        ),
        "dim_date": (dates, pa.DataFrameSchema({"day": pa.Column("int64", unique=True)})),
        "fact_assets": (
            assets,
            pa.DataFrameSchema(
                {"account_key": pa.Column("int64", pa.Check.gt(0, error="account is in no table"))},
                checks=pa.Check(lambda frame: ~(frame["expiry_day"] < frame["start_day"]), error="expiry before start"),
            ),
        ),
    }
    contracts, rows = [], []
    for table, (frame, schema) in schemas.items():
        broken = 0
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases = error.failure_cases
            cases = cases[cases["index"].notna()].drop_duplicates(["index", "check"])
            broken = int(cases["index"].nunique())
            for index, column, check, value in zip(
                cases["index"], cases["column"], cases["check"], cases["failure_case"], strict=True
            ):
                name = str(column) if isinstance(column, str) and column in frame.columns else ""
                rows.append((table, int(index) + 1, name, str(check), "warning", _short(value)))
        contracts.append(Contract(table, "keys are unique, values in range", broken, "warning"))
    return contracts, pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates(ignore_index=True)


def line_contracts(reasons: dict[str, int]) -> list[Contract]:
    """The rules on sales lines, from how many lines broke each."""
    rules = {
        "no account": "every line names an account",
        "exact duplicate": "no line occurs twice",
        "no readable date": "every line has a date",
        "before the earliest date": "no date before build.min_date",
        "date in the future": "no date after build.as_of",
        "neither code nor division": "every line names a code or a division",
        "no readable revenue": "every line has a revenue",
        "amount out of range": "no amount above build.max_amount",
        "unknown division": "every division is one of build.allowed_divisions",
    }
    return [
        Contract("fact_transactions", rule, reasons.get(reason, 0), "dropped" if reason in ORDINARY else "error")
        for reason, rule in rules.items()
    ]


def refuse(reasons: dict[str, int], where: str, findings: Findings) -> None:
    """Stop when lines break a rule that no real log should break.

    Raises:
        ContractBroken: one fault per rule, with how many lines break it.
    """
    faults = [Fault(reason, where="sales log", got=f"{n:,} lines") for reason, n in sorted(reasons.items()) if n]
    if faults:
        error = ContractBroken(
            "the sales log breaks its contract",
            where=where,
            faults=faults,
            next_step=f"Correct the lines in {VIOLATIONS.name}, or run with --fail-soft to go on without them.",
        )
        error.findings = findings
        raise error


def findings_of(error: IcpError) -> Findings:
    """What to report of a log that could not even be read as one: a rule that is broken once per fault."""
    known: Findings | None = getattr(error, "findings", None)
    if known is not None:
        return known
    rule = "every needed column is there" if isinstance(error, MissingColumnsError) else "the log can be read"
    faults = error.faults or (error.fault,)
    rows = [("sales log", "", "", fault.what, "error", _short(fault.where)) for fault in faults]
    contract = Contract("fact_transactions", rule, len(faults))
    return Findings([contract], pd.DataFrame(rows, columns=list(COLUMNS)))


def _short(value: object) -> str:
    text = "" if value is None or value is pd.NA or value != value else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
