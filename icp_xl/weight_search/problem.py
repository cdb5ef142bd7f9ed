"""What is optimised over: accounts, their component scores, and the revenue to be ranked by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from icp_xl.columns import (
    ACCOUNT_ID,
    COMPONENT_SCORES,
    COMPONENTS,
    CONSUMABLE_REVENUE,
    GRADES,
    HARDWARE_REVENUE,
)
from icp_xl.config import Settings
from icp_xl.config.scoring import Weights
from icp_xl.errors import DataError, Fault, InsufficientDataError, MissingColumnsError
from icp_xl.weight_search.simplex import Floats, Rules, Units, as_floats

NEEDED = (ACCOUNT_ID, *COMPONENT_SCORES, HARDWARE_REVENUE, CONSUMABLE_REVENUE)


@dataclass(frozen=True)
class Problem:
    """Everything that the objective needs, accounts sorted by id so that the order of rows changes nothing.

    ``scores`` has one row per account and one column per component (0 to 1). ``engaged`` marks accounts with
    hardware or consumable revenue, ``revenue`` is theirs. ``reference`` are the settings' own weights, brought within
    the rules: grade cut-points are calibrated there, and not at the weights of an earlier run, or each run would
    move the mark that the next is measured by. ``current`` are the weights in force.
    """

    account_ids: npt.NDArray[np.object_]
    scores: Floats
    engaged: npt.NDArray[np.bool_]
    revenue: Floats
    rules: Rules
    reference: Units
    current: Weights
    target: Floats
    lambda_: float
    seed: int

    @property
    def n_engaged(self) -> int:
        """Accounts that the correlation is taken over."""
        return len(self.revenue)

    def fingerprint(self) -> str:
        """SHA-256 of everything that can change a trial's value; a study is resumed only under the same one."""
        digest = hashlib.sha256()
        for part in (self.scores, self.engaged, self.revenue, self.target, as_floats(self.reference)):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(repr((self.rules, self.lambda_, self.seed)).encode())
        return digest.hexdigest()


def build_problem(accounts: pd.DataFrame, settings: Settings, current: Weights | None = None) -> Problem:
    """Check ``accounts`` (one row per account, columns ``NEEDED``) and turn them into a problem.

    Args:
        accounts: scored accounts; only component scores and revenues are used, not earlier grades.
        settings: bounds, target grade shares, λ and seed.
        current: the weights in force; by default those of the settings.

    Raises:
        MissingColumnsError: a needed column is absent.
        DataError: missing or impossible values, duplicate accounts, constant components or revenue.
        InsufficientDataError: fewer engaged accounts than ``optimize.minimum_engaged``.
    """
    missing = [name for name in NEEDED if name not in accounts.columns]
    if missing:
        raise MissingColumnsError(
            "the scored accounts lack columns that the optimisation needs",
            where="scored accounts",
            got=f"missing {', '.join(missing)}",
            allowed=", ".join(NEEDED),
            next_step="Run `icp-xl score` first.",
        )
    rules = Rules.of(settings.optimize)
    accounts = accounts.sort_values(ACCOUNT_ID, key=lambda ids: ids.astype(str), kind="stable")
    scores = accounts[list(COMPONENT_SCORES)].to_numpy(dtype=np.float64, na_value=np.nan)
    parts = accounts[[HARDWARE_REVENUE, CONSUMABLE_REVENUE]].to_numpy(dtype=np.float64, na_value=np.nan)
    _check_values(accounts, scores, parts)
    engaged: npt.NDArray[np.bool_] = np.asarray((parts > 0).any(axis=1))
    revenue = parts[engaged].sum(axis=1)
    if len(revenue) < settings.optimize.minimum_engaged:
        raise InsufficientDataError(
            "too few engaged accounts to optimise weights on",
            where="accounts with hardware or consumable revenue above 0",
            got=len(revenue),
            allowed=f"at least {settings.optimize.minimum_engaged}",
            next_step="Keep the default weights until there are more.",
        )
    _check_spread(scores[engaged], revenue, rules)
    shares = settings.scoring.grade_shares
    return Problem(
        account_ids=accounts[ACCOUNT_ID].to_numpy(dtype=object),
        scores=np.ascontiguousarray(scores),
        engaged=engaged,
        revenue=revenue,
        rules=rules,
        reference=rules.project(np.array(settings.scoring.weights.as_tuple())),
        current=current or settings.scoring.weights,
        target=np.array([getattr(shares, grade) for grade in GRADES], dtype=np.float64),
        lambda_=settings.optimize.lambda_param,
        seed=settings.run.seed,
    )


def _check_values(accounts: pd.DataFrame, scores: Floats, parts: Floats) -> None:
    faults = []
    doubles = int(accounts[ACCOUNT_ID].duplicated().sum())
    if doubles:
        faults.append(Fault("accounts occur more than once", ACCOUNT_ID, str(doubles), "one row per account"))
    for name, column in zip(COMPONENT_SCORES, scores.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            faults.append(Fault("missing component scores", name, f"{int(bad.sum())} accounts", "none missing"))
        outside = (column < -1e-9) | (column > 1 + 1e-9)
        if outside.any():
            faults.append(Fault("component scores out of range", name, f"{int(outside.sum())} accounts", "0 to 1"))
    for name, column in zip((HARDWARE_REVENUE, CONSUMABLE_REVENUE), parts.T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            faults.append(Fault("missing revenue", name, f"{int(bad.sum())} accounts", "a number, 0 for none"))
    if faults:
        raise DataError(
            "the scored accounts cannot be optimised on",
            next_step="Run `icp-xl score` again on clean inputs.",
            faults=faults,
        )


def _check_spread(scores: Floats, revenue: Floats, rules: Rules) -> None:
    faults = []
    for i in rules.used:
        if np.ptp(scores[:, i]) <= 1e-12:
            step = "Switch it off with --no-size." if COMPONENTS[i] == "size" else "Check the inputs behind it."
            faults.append(
                Fault("a component is the same for every engaged account", COMPONENT_SCORES[i], next_step=step)
            )
    if np.ptp(revenue) <= 0:
        faults.append(Fault("revenue is the same for every engaged account", "hardware plus consumable revenue"))
    if faults:
        raise DataError("there is nothing to rank by", faults=faults)
