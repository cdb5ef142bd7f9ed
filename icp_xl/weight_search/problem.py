"""What is optimised over: accounts, their component scores, and the revenue to be ranked by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.components.presets import EQUIPMENT
from icp_xl.components.record import Component, score_columns
from icp_xl.config import Settings
from icp_xl.config.optimize import SIZE
from icp_xl.errors import DataError, Fault, InsufficientDataError, MissingColumnsError
from icp_xl.weight_search.simplex import Floats, Rules, WeightGrid, as_floats

#: What the score is to rank by: columns whose sum is the target, by ``optimize.target``, and how they are called.
TARGETS = {
    "equipment": (("hardware_revenue", "consumable_revenue"), "hardware and consumable revenue"),
    "all": (("total_revenue",), "revenue"),
}


@dataclass(frozen=True)
class Problem:
    """Everything that the objective needs, accounts sorted by id so that the order of rows changes nothing.

    ``scores`` has one row per account and one column per component (0 to 1). ``engaged`` marks accounts with
    revenue of the target, ``revenue`` is theirs. ``reference`` are the settings' own weights, ``defaults``, brought
    within the rules: grade cut-points are calibrated there, and not at the weights of an earlier run, or each run would
    move the mark that the next is measured by. ``current`` are the weights in force. ``target_name`` says in words
    what revenue the target is.
    """

    components: tuple[Component, ...]
    account_ids: npt.NDArray[np.object_]
    scores: Floats
    engaged: npt.NDArray[np.bool_]
    revenue: Floats
    rules: Rules
    reference: WeightGrid
    defaults: Floats
    current: dict[str, float]
    target_name: str
    target: Floats
    lambda_: float
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """The components' names, in order."""
        return tuple(component.name for component in self.components)

    @property
    def in_force(self) -> Floats:
        """The weights in force, in order."""
        return np.array([self.current[name] for name in self.names])

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


def target_of(settings: Settings, components: Sequence[Component]) -> tuple[tuple[str, ...], str]:
    """Columns whose sum the score is to rank by, and what that is called.

    Unless the settings say, that is revenue with hardware and consumables for the components of the equipment trade,
    as its specification has it, and all revenue for any others.
    """
    chosen = settings.optimize.target
    if chosen == "auto":
        chosen = "equipment" if [item.name for item in components] == [item.name for item in EQUIPMENT] else "all"
    return TARGETS[chosen]


def build_problem(
    accounts: pd.DataFrame,
    settings: Settings,
    current: Mapping[str, float] | None = None,
    components: Sequence[Component] | None = None,
) -> Problem:
    """Check ``accounts`` (one row per account) and turn them into a problem.

    Args:
        accounts: scored accounts: account_id, component scores and revenues; earlier grades are not used.
        settings: bounds, target grade shares, λ and seed.
        current: the weights in force; by default those of the settings.
        components: the score's components; by default those of the equipment trade.

    Raises:
        MissingColumnsError: a needed column is absent.
        DataError: missing or impossible values, duplicate accounts, constant components or revenue.
        InsufficientDataError: fewer engaged accounts than ``optimize.minimum_engaged``.
    """
    components = settings.scoring.declared("equipment") if components is None else tuple(components)
    columns = score_columns(component.name for component in components)
    targets, target_name = target_of(settings, components)
    needed = ("account_id", *columns, *targets)
    missing = [name for name in needed if name not in accounts.columns]
    if missing:
        raise MissingColumnsError(
            "the scored accounts lack columns that the optimisation needs",
            where="scored accounts",
            got=f"missing {', '.join(missing)}",
            allowed=", ".join(needed),
            next_step="Run `icp-xl score` first.",
        )
    rules = Rules.of(settings.optimize, components)
    accounts = accounts.sort_values("account_id", key=lambda ids: ids.astype(str), kind="stable")
    scores = accounts[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    parts = accounts[list(targets)].to_numpy(dtype=np.float64, na_value=np.nan)
    _check_values(accounts, dict(zip(columns, scores.T, strict=True)), dict(zip(targets, parts.T, strict=True)))
    engaged: npt.NDArray[np.bool_] = np.asarray((parts > 0).any(axis=1))
    revenue = parts[engaged].sum(axis=1)
    if len(revenue) < settings.optimize.minimum_engaged:
        raise InsufficientDataError(
            "too few engaged accounts to optimise weights on",
            where=f"accounts with {target_name.replace(' and ', ' or ')} above 0",
            got=len(revenue),
            allowed=f"at least {settings.optimize.minimum_engaged}",
            next_step="Keep the default weights until there are more.",
        )
    _check_spread(scores[engaged], revenue, rules, components, target_name)
    shares = settings.scoring.grade_shares
    defaults = settings.scoring.default_weights(components)
    return Problem(
        components=components,
        account_ids=accounts["account_id"].to_numpy(dtype=object),
        scores=np.ascontiguousarray(scores),
        engaged=engaged,
        revenue=revenue,
        rules=rules,
        reference=rules.project(np.array(list(defaults.values()))),
        defaults=np.array(list(defaults.values())),
        current=dict(current or defaults),
        target_name=target_name,
        target=np.array([getattr(shares, grade) for grade in GRADES], dtype=np.float64),
        lambda_=settings.optimize.lambda_param,
        seed=settings.run.seed,
    )


def _check_values(accounts: pd.DataFrame, scores: Mapping[str, Floats], parts: Mapping[str, Floats]) -> None:
    faults = []
    doubles = int(accounts["account_id"].duplicated().sum())
    if doubles:
        faults.append(Fault("accounts occur more than once", "account_id", str(doubles), "one row per account"))
    for name, column in scores.items():
        bad = ~np.isfinite(column)
        if bad.any():
            faults.append(Fault("missing component scores", name, f"{int(bad.sum())} accounts", "none missing"))
        outside = (column < -1e-9) | (column > 1 + 1e-9)
        if outside.any():
            faults.append(Fault("component scores out of range", name, f"{int(outside.sum())} accounts", "0 to 1"))
    for name, column in parts.items():
        bad = ~np.isfinite(column)
        if bad.any():
            faults.append(Fault("missing revenue", name, f"{int(bad.sum())} accounts", "a number, 0 for none"))
    if faults:
        raise DataError(
            "the scored accounts cannot be optimised on",
            next_step="Run `icp-xl score` again on clean inputs.",
            faults=faults,
        )


def _check_spread(
    scores: Floats, revenue: Floats, rules: Rules, components: Sequence[Component], target_name: str
) -> None:
    faults = []
    for i in rules.used:
        if np.ptp(scores[:, i]) <= 1e-12:
            off = components[i].name == SIZE
            step = "Switch it off with --no-size." if off else "Check the inputs behind it."
            where = components[i].score_column
            faults.append(Fault("a component is the same for every engaged account", where, next_step=step))
    if np.ptp(revenue) <= 0:
        faults.append(Fault("revenue is the same for every engaged account", target_name))
    if faults:
        raise DataError("there is nothing to rank by", faults=faults)
