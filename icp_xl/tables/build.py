"""From raw frames to tables: customers merged, sales lines given their account, everything else joined by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from icp_xl.config import Settings
from icp_xl.errors import DataError, Fault
from icp_xl.progress import Progress
from icp_xl.sources.model import Sources, SourceTable
from icp_xl.tables.accounts import Directory, Resolved, resolve_accounts
from icp_xl.tables.categories import category_remarks
from icp_xl.tables.contracts import check_sources
from icp_xl.tables.customers import BuiltCustomers, build_customers
from icp_xl.tables.enrich import join_industries, join_revenue
from icp_xl.tables.ids import names_under_one_id
from icp_xl.tables.matching import Overrides, combine_overrides, read_match_overrides
from icp_xl.tables.model import CUSTOMER_COLUMNS, DROPPED_COLUMNS, MATCH_TABLE_COLUMNS, RowCount, Tables
from icp_xl.tables.reconcile import DIFFERS, reconcile_totals
from icp_xl.tables.transactions import BuiltTransactions, build_transactions


def build_tables(
    sources: Sources,
    settings: Settings | None = None,
    progress: Progress | None = None,
    overrides: Overrides | None = None,
) -> Tables:
    """Clean, match and join all sources; see :class:`~icp_xl.tables.model.Tables` for the grain of each table.

    ``overrides`` are decisions on matches (see :func:`load_overrides`); they hold over anything found here. The order
    of rows in the sources changes nothing.

    Args:
        sources: the raw tables.
        settings: how names are matched and lines kept; the defaults where left out.
        progress: shows stages and asks for a cancel.
        overrides: decisions on matches (see :func:`load_overrides`), which hold over anything found here.

    Raises:
        DataError: neither customers nor sales hold an account.
    """
    settings = settings or Settings()
    progress = progress or Progress()
    overrides = overrides or Overrides()
    rules = settings.matching
    issues = check_sources(sources, rules, None if settings.run.clock is None else pd.Timestamp(settings.run.clock))
    progress.stage("merging duplicate accounts")
    own = tuple(settings.scoring.own_columns())
    customers = build_customers(_frame(sources.customers), rules, overrides, progress, own)
    progress.stage("matching sales to accounts")
    sales = build_transactions(_frame(sources.sales), customers.directory, rules, overrides, progress)
    accounts = _accounts(customers, sales)
    if accounts.empty:
        raise DataError(
            "no account found",
            where="customers and sales",
            allowed="a customers file with account names, or a sales log with customers",
            next_step="`icp-xl check` shows what was read from each file.",
            faults=[Fault(text) for text in sources.warnings if " no row" in text],
        )
    directory = sales.directory
    found: dict[str, Resolved] = {}
    for name in ("enriched_revenue", "industry_updates", "yearly_totals", "assets", "opportunities"):
        progress.check()
        found[name] = resolve_accounts(_frame(getattr(sources, name)), name, directory, rules, overrides, progress)
    accounts = join_revenue(accounts, _frame(sources.enriched_revenue), found["enriched_revenue"])
    accounts, industries = join_industries(
        accounts, _frame(sources.industry_updates), found["industry_updates"], sources.strategic_tiers, rules
    )
    joined = {
        name: _joined(getattr(sources, name), found[name], directory)
        for name in ("yearly_totals", "assets", "opportunities")
    }
    reconciliation = reconcile_totals(joined["yearly_totals"], sales.lines, dict(directory.labels), rules)
    matches = _stack([sales.matches, *(item.matches for item in found.values())], MATCH_TABLE_COLUMNS)
    dropped = _stack(
        [*(table.dropped for table in sources.tables()), customers.dropped, sales.dropped], DROPPED_COLUMNS
    )
    return Tables(
        customers=_ordered(accounts, own),
        transactions=sales.lines,
        yearly_totals=joined["yearly_totals"],
        reconciliation=reconciliation,
        assets=joined["assets"],
        opportunities=joined["opportunities"],
        matches=matches,
        duplicates=_stack([customers.duplicates, sales.duplicates], MATCH_TABLE_COLUMNS),
        industries=industries,
        dropped=dropped,
        issues=issues,
        account_map=_account_map(directory),
        categories=sales.categories,
        counts=_counts(sources, customers, sales),
        warnings=_warnings(sources, customers, sales, found, reconciliation, matches),
    )


def build_customers_alone(sources: Sources, settings: Settings) -> pd.DataFrame:
    """The accounts of ``sources.customers`` as :func:`build_tables` has them, with nothing joined: for an old export.

    Args:
        sources: of which the customers and the tiers are looked at.
        settings: how names are matched and industries called.
    """
    rules, progress, none = settings.matching, Progress(), pd.DataFrame()
    own, frame = tuple(settings.scoring.own_columns()), _frame(sources.customers)
    ids = frame["account_id"].fillna("").astype(str).str.strip() if "account_id" in frame else pd.Series([""])
    if ids.ne("").all() and not ids.str.startswith("#").any() and rules.merge_different_ids != "accept":
        # Ids that are given are exact, so that names have nothing to tell.
        rules = rules.model_copy(update={"merge_duplicates": False})
    built = build_customers(frame, rules, Overrides(), progress, own)
    revenue, industry = (
        resolve_accounts(none, name, built.directory, rules, Overrides(), progress)
        for name in ("enriched_revenue", "industry_updates")
    )
    accounts = join_revenue(built.accounts, none, revenue)
    accounts, _ = join_industries(accounts, none, industry, sources.strategic_tiers, rules)
    return _ordered(accounts, own)


def load_overrides(settings: Settings, report: str | None = None) -> Overrides:
    """Decisions on matches from the last report's Match Review sheet and from the overrides file, which wins.

    ``report`` names the report workbook in the output folder.
    """
    parts = [read_match_overrides(settings.paths.out / report)] if report else []
    parts.append(read_match_overrides(settings.paths.data / settings.matching.overrides_file))
    return combine_overrides(parts)


def _frame(table: SourceTable | None) -> pd.DataFrame:
    return pd.DataFrame() if table is None else table.frame


def _accounts(customers: BuiltCustomers, sales: BuiltTransactions) -> pd.DataFrame:
    created = sales.created.assign(origin="sales", flags="only in the sales log", do_not_contact=False)
    created["merged_ids"], created["merged_names"] = created["account_id"], created["account_name"]
    if customers.accounts.empty:
        return created.reindex(
            columns=[name for name in CUSTOMER_COLUMNS if name in (*customers.accounts.columns, *created.columns)]
        )
    if created.empty:
        return customers.accounts
    whole = created.reindex(columns=customers.accounts.columns)
    # An account that the sales create under an id of the customers cannot occur; ids are looked up first.
    records = [*customers.accounts.to_dict("records"), *whole.to_dict("records")]
    return pd.DataFrame(records, columns=customers.accounts.columns)


def _joined(table: SourceTable | None, resolved: Resolved, directory: Directory) -> pd.DataFrame:
    """The source's frame with the accounts found; ``source_account_id`` keeps what it said."""
    if table is None:
        return pd.DataFrame(columns=["account_id", "account_name"])
    frame = table.frame.copy()
    frame["source_account_id"] = frame["account_id"] if "account_id" in frame.columns else None
    frame["account_id"] = resolved.account_id
    frame["account_name"] = resolved.account_id.map(dict(directory.labels)).fillna(frame["account_name"])
    frame["resolved_by"] = resolved.how
    keys = [name for name in ("source_row", "account_id", "year", "measure") if name in frame.columns]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _ordered(accounts: pd.DataFrame, own: Sequence[str]) -> pd.DataFrame:
    frame = accounts.copy()
    for name in CUSTOMER_COLUMNS:
        if name not in frame.columns:
            frame[name] = None
    for name in ("annual_revenue", "printers"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    frame["do_not_contact"] = frame["do_not_contact"].fillna(False).astype(bool)
    for name in (
        "account_id",
        "account_name",
        "industry",
        "rep",
        "region",
        "city",
        "state",
        "country",
        "parent_account_id",
        "parent_name",
        "flags",
    ):
        frame[name] = frame[name].astype("object").where(frame[name].notna(), None)
    frame["flags"] = frame["flags"].fillna("")
    kept = [*CUSTOMER_COLUMNS, *(name for name in own if name in frame.columns)]
    return frame[kept].sort_values("account_id", kind="stable", ignore_index=True)


def _account_map(directory: Directory) -> pd.DataFrame:
    ids = sorted(directory.ids.items())
    return pd.DataFrame({"id": [key for key, _ in ids], "account_id": [account for _, account in ids]})


def _stack(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    filled = [frame[list(columns)] for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def _counts(sources: Sources, customers: BuiltCustomers, sales: BuiltTransactions) -> tuple[RowCount, ...]:
    found = []
    for table in sources.tables():
        reasons = table.dropped["reason"].value_counts().to_dict() if len(table.dropped) else {}
        kept = len(table.frame)
        if table.name == "customers":
            reasons.update(customers.dropped["reason"].value_counts().to_dict())
            if customers.merged:
                reasons["merged into another account"] = customers.merged
            kept = customers.read - len(customers.dropped) - customers.merged
        elif table.name == "sales":
            reasons.update(sales.dropped["reason"].value_counts().to_dict())
            kept = len(sales.lines)
        named = {str(reason): int(count) for reason, count in sorted(reasons.items(), key=str)}
        found.append(RowCount(table.name, kept + sum(named.values()), kept, named))
    return tuple(found)


def _warnings(
    sources: Sources,
    customers: BuiltCustomers,
    sales: BuiltTransactions,
    found: dict[str, Resolved],
    reconciliation: pd.DataFrame,
    matches: pd.DataFrame,
) -> tuple[str, ...]:
    texts = list(sources.warnings)
    pairs = [customers.duplicates, sales.duplicates]
    asked = pd.concat([matches[["key", "outcome"]], *(part[["key", "outcome"]] for part in pairs)])
    review = asked.loc[asked["outcome"].eq("review"), "key"].nunique()
    if review:
        waits = _many(review, "question on names waits", "questions on names wait")
        texts.append(f"{waits} for an answer on the Match Review sheet; until then the accounts stay apart.")
    if customers.merged:
        joined = _many(customers.merged, "row of the customers was", "rows of the customers were")
        texts.append(f"{joined} merged into another account: listed with their undo on the Match Review sheet.")
    if len(sales.created) and sources.customers is not None:
        created = _many(len(sales.created), "account occurs", "accounts occur")
        texts.append(f"{created} only in the sales log; added from there.")
    texts += category_remarks(sales.categories)
    unclear = int(sales.lines["category"].isna().sum())
    if unclear:
        lines = _many(unclear, "sales line has", "sales lines have")
        texts.append(f"{lines} no category that could be understood; counted in totals only.")
    texts += _id_alarms(
        sources, {**sales.zeros, **{key: id for item in found.values() for key, id in item.zeros.items()}}
    )
    if sales.repeated:
        texts.append(f"{_many(sales.repeated, 'sales line repeats', 'sales lines repeat')} another in everything.")
    differs = int(reconciliation["status"].eq(DIFFERS).sum())
    if differs:
        unequal = _many(differs, "yearly total differs", "yearly totals differ")
        texts.append(f"{unequal} from the sum of the sales lines, of {len(reconciliation):,} compared.")
    targets = sorted({*sales.unknown_targets, *(text for item in found.values() for text in item.unknown_targets)})
    if targets:
        texts.append(f"Decisions on matches name accounts that do not exist: {', '.join(targets[:5])}.")
    return tuple(dict.fromkeys(texts))


def _id_alarms(sources: Sources, zeros: Mapping[str, str]) -> list[str]:
    """Ids that met without their leading zeros, and ids that stand for names of different companies."""
    texts = []
    if zeros:
        own, other = next(iter(sorted(zeros.items())))
        count = _many(len(zeros), "id is", "ids are")
        texts.append(f"{count} matched without regard to leading zeros, such as {own} with {other}.")
    frames = [table.frame[["account_id", "account_name"]] for table in (sources.customers, sources.sales) if table]
    if frames:
        pairs = pd.concat(frames).dropna().drop_duplicates()
        strange = names_under_one_id(pairs.itertuples(index=False, name=None))
        for own, names in sorted(strange.items())[:3]:
            texts.append(
                f"Account id {own} stands for different names: {', '.join(names[:4])}. They count as one account; if "
                "they are not, give each an id of its own."
            )
        if len(strange) > 3:
            texts.append(f"{len(strange) - 3:,} more ids stand for different names.")
    return texts


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
