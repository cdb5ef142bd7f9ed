"""How the world is written down: the same truths, as untidy as real exports, with the key of what is what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from icp_xl.samples.catalog import DIVISIONS, INDUSTRIES
from icp_xl.samples.chance import Chance
from icp_xl.samples.names import variant
from icp_xl.samples.world import COMMON, DRIVERS, WON, Account, World

Cell = str | float | int | bool | date | None
Row = list[Cell]


@dataclass
class Truth:
    """Which written names and rows stand for which account, collected while they are written."""

    names: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    customer_rows: list[tuple[int, str]] = field(default_factory=list)
    totals_off: list[str] = field(default_factory=list)

    def note(self, source: str, account: Account, name: str, state: str = "") -> str:
        """Remember which account a spelling stands for; gives the spelling.

        Args:
            source: key of the file.
            account: that is meant.
            name: as spelt.
            state: as given beside it.
        """
        self.names.setdefault(source, {})[(" ".join(name.split()), state)] = account.key
        return name


@dataclass
class Spellings:
    """The spellings of one account's name in one source: mostly the true one, a few of its variants."""

    chance: Chance
    source: str
    truth: Truth
    share: float
    known: dict[str, list[str]] = field(default_factory=dict)

    def one(self, account: Account, state: str = "") -> str:
        """A spelling of ``account``; an account has one to three of them in a source."""
        spelt = self.known.get(account.key)
        if spelt is None:
            spelt = [account.name]
            if self.chance.happens(self.share):
                made = [variant(self.chance, account.name, account.form, account.state) for _ in range(2)]
                # A namesake at another place must keep its name: only the place tells the two apart.
                spelt = [account.name] if account.twin_of else made if self.chance.happens(0.4) else [*spelt, *made]
            self.known[account.key] = spelt
        name = spelt[0] if self.chance.happens(0.6) else self.chance.one(spelt)
        return self.truth.note(self.source, account, name, state)


def customer_rows(world: World, chance: Chance, truth: Truth) -> list[tuple[Account, Row]]:
    """Rows of the customer list: every account once, and some of them a second time under another spelling.

    Columns: id, name, industry, annual revenue, rep, region, printers, city, state, country, do not contact.
    """
    rows: list[tuple[Account, Row]] = []
    twins = {account.twin_of for account in world.accounts if account.twin_of}
    for account in world.accounts:
        name = account.name
        plain = account.twin_of or account.key in twins
        if not plain and chance.happens(0.08):
            name = variant(chance, account.name, account.form, account.state)
        rows.append((account, _customer(account, account.key, name, chance)))
        if not plain and chance.happens(0.06):
            again = variant(chance, account.name, account.form, account.state)
            rows.append((account, _customer(account, f"D-{len(rows):05d}", again, chance, copy=True)))
    return chance.shuffled(rows)


def _customer(account: Account, key: str, name: str, chance: Chance, copy: bool = False) -> Row:
    industry: Cell = chance.one(account.plan.spellings) if chance.happens(0.55) else account.plan.name
    if chance.happens(0.05):
        industry = chance.one((None, "N/A", "Unknown", ""))
    revenue: Cell = account.annual_revenue
    kind = chance.unit()
    if kind < 0.28 or copy and kind < 0.6:
        revenue = chance.one((None, None, "N/A", "-", "NULL", "#N/A"))
    elif kind < 0.32:
        revenue = f"${account.annual_revenue:,.0f}"
    elif kind < 0.35:
        revenue = f"{account.annual_revenue:,.2f}"
    elif kind < 0.37:
        revenue = f"${account.annual_revenue / 1e6:.2f}M"
    elif kind < 0.375:
        revenue = "ask Marta"
    printers: Cell = account.printers
    if chance.happens(0.06):
        printers = chance.one((str(account.printers), "N/A", None))
    elif account.printers == 0 and chance.happens(0.3):
        printers = chance.one((None, "-"))
    country = chance.one(("USA", "US", "United States")) if chance.happens(0.9) else None
    city: Cell = account.city if not copy or chance.happens(0.8) else None
    state: Cell = account.state if city else None
    blocked = "Yes" if chance.happens(0.02) else chance.one(("No", "N", None))
    return [key, name, industry, revenue, account.rep, account.region, printers, city, state, country, blocked]


def sales_rows(world: World, chance: Chance, truth: Truth) -> list[Row]:
    """Lines of the sales log, in order of date.

    Columns: date, invoice, customer number, customer, state, division, part number, type, quantity, revenue, gross
    profit, rep. About a third of the accounts have their number in the log.
    """
    spell = Spellings(chance, "sales", truth, 0.30)
    numbered = {account.key: chance.happens(0.35) for account in world.accounts}
    rows: list[Row] = []
    for line in world.lines:
        account = line.account
        day: Cell = line.day
        kind = chance.unit()
        if kind < 0.02:
            day = f"{line.day.month}/{line.day.day}/{line.day.year}"
        elif kind < 0.03:
            day = line.day.isoformat()
        elif kind < 0.035:
            day = line.day.strftime("%d-%b-%Y")
        revenue: Cell = line.revenue
        kind = chance.unit()
        if kind < 0.01:
            revenue = f"${line.revenue:,.2f}" if line.revenue >= 0 else f"(${-line.revenue:,.2f})"
        elif kind < 0.02:
            revenue = f"{line.revenue:,.0f}" if line.revenue >= 0 else f"{-line.revenue:,.0f}-"
        profit: Cell = round(line.gross_profit)
        kind = chance.unit()
        if kind < 0.004:
            profit = chance.one(("N/A", None, "-"))
        elif kind < 0.01:
            profit = f"{line.gross_profit:,.2f}"
        division = chance.one((line.division.upper(), f"{line.division} ")) if chance.happens(0.01) else line.division
        invoice: Cell = int(line.invoice) if line.invoice.isdigit() else line.invoice
        rows.append(
            [
                day, invoice, account.key if numbered[account.key] else None,
                spell.one(account, account.state), account.state, division,
                line.item.sku, line.item.category, line.quantity, revenue, profit, account.rep,
            ]
        )  # fmt: skip
    return rows


def yearly_rows(world: World, measure: str, year: int, chance: Chance, truth: Truth) -> list[Row]:
    """Totals of one year per account as (customer, state, amount), largest first; a few disagree with the lines.

    Args:
        world: accounts and sales lines.
        measure: ``revenue`` or ``gross_profit``.
        year: of the totals.
        chance: spells names differently.
        truth: remembers what each spelling stands for, and the totals that are off.
    """
    totals: defaultdict[str, float] = defaultdict(float)
    people = {account.key: account for account in world.accounts}
    for line in world.lines:
        if line.day.year == year:
            totals[line.account.key] += line.gross_profit if measure == "gross_profit" else line.revenue
    spell = Spellings(chance, "yearly_totals", truth, 0.2)
    rows: list[Row] = []
    for at, (key, amount) in enumerate(sorted(totals.items(), key=lambda item: (-item[1], item[0]))):
        if at in (3, 40, 111):
            amount = round(amount * 1.25, 2)
            truth.totals_off.append(f"{measure} {year} {key}")
        account = people[key]
        rows.append([spell.one(account, account.state), account.state, round(amount, 2)])
    return rows


def asset_rows(world: World, chance: Chance, truth: Truth) -> list[Row]:
    """Assets as (customer number, customer, part number, quantity, start, expiry, subscription)."""
    spell = Spellings(chance, "assets", truth, 0.15)
    rows: list[Row] = []
    for asset in world.assets:
        start: Cell = asset.start if not chance.happens(0.03) else chance.one((None, "N/A"))
        on = chance.one(("On", "Yes")) if asset.subscribed else chance.one(("Off", "No"))
        rows.append(
            [asset.account.key, spell.one(asset.account), asset.item.sku, asset.quantity, start, asset.expiry, on]
        )
    return rows


def deal_rows(world: World, chance: Chance, truth: Truth) -> list[Row]:
    """Opportunities as (id, account number, account, stage, amount, created, close, owner, division, product)."""
    spell = Spellings(chance, "opportunities", truth, 0.15)
    rows: list[Row] = []
    for deal in world.deals:
        account = deal.account
        product = chance.one(DIVISIONS[deal.division]).name
        amount: Cell = deal.amount if not chance.happens(0.02) else f"${deal.amount:,.0f}"
        rows.append(
            [
                f"OPP-{deal.number:05d}", account.key if chance.happens(0.7) else None, spell.one(account), deal.stage,
                amount, deal.created, deal.closed, account.rep, deal.division, product,
            ]
        )  # fmt: skip
    return rows


def enriched_rows(world: World, chance: Chance, truth: Truth) -> list[list[str]]:
    """What a service found about revenues: (company, state, revenue, status), as texts."""
    spell = Spellings(chance, "enriched_revenue", truth, 0.2)
    rows = []
    for account in world.accounts:
        if not chance.happens(0.8):
            continue
        value, status = f"{account.annual_revenue * (1 + chance.normal(0.0, 0.03)):.0f}", "done"
        kind = chance.unit()
        if kind < 0.12:
            value, status = chance.one((("", "not found"), ("N/A", "not found"), ("null", "failed")))
        elif kind < 0.20:
            value = f"${account.annual_revenue / 1e6:.1f} million"
        rows.append([spell.one(account, account.state), account.state, value, status])
    return rows


def industry_rows(world: World, chance: Chance, truth: Truth) -> list[list[str]]:
    """Corrections of industries as (company, industry), as texts that Windows-1252 can hold."""
    spell = Spellings(chance, "industry_updates", truth, 0.1)
    twins = {account.twin_of for account in world.accounts if account.twin_of}
    rows = []
    for account in world.accounts:
        # Namesakes would be ambiguous without a place, and this file has none.
        if account.twin_of or account.key in twins or not chance.happens(0.25):
            continue
        try:
            account.name.encode("cp1252")
        except UnicodeEncodeError:
            continue
        rows.append([spell.one(account), chance.one(account.plan.spellings)])
    return rows


def truth_body(world: World, truth: Truth, seed: int) -> dict[str, object]:
    """The planted truths as JSON: only tests read them."""
    twins = {account.twin_of for account in world.accounts if account.twin_of}
    owner = {a.key: a.name for a in world.accounts if not a.twin_of and a.key not in twins}
    return {
        "about": "Planted by icp_xl.samples. Tests read this file; the package never does.",
        "seed": seed,
        "account_columns": ["key", "name", "industry", "annual_revenue", "city", "state", "printers"],
        "accounts": [
            [item.key, item.name, item.plan.name, item.annual_revenue, item.city, item.state, item.printers]
            for item in world.accounts
        ],
        "customer_rows": [list(item) for item in truth.customer_rows],
        "written_names_columns": ["name", "state", "key"],
        "written_names": {
            # A name written as it truly is stands for its only owner, and need not be listed.
            source: [[*place, key] for place, key in names.items() if place[0] != owner.get(key)]
            for source, names in sorted(truth.names.items())
        },
        "same_name_other_account": [[a.twin_of, a.key] for a in world.accounts if a.twin_of],
        "industry_pays": {plan.name: plan.pays for plan in INDUSTRIES},
        "industry_spellings": {plan.name: list(plan.spellings) for plan in INDUSTRIES},
        "division_drivers": DRIVERS,
        "common_drivers": COMMON,
        "won_drivers": WON,
        "totals_that_disagree": truth.totals_off,
        "lines": len(world.lines),
        "revenue": sum(line.revenue for line in world.lines),
    }
