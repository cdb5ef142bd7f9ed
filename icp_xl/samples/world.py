"""The sample reseller's world: accounts with hidden traits, and what they bought because of them.

What is planted here is what the rest of the package should find: which industries pay, what drives revenue, what makes
a purchase in a division likely, and what wins an opportunity. The figures stand in :data:`DRIVERS` and go into the
file of planted truths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property

from icp_xl.samples.catalog import DIVISIONS, INDUSTRIES, ODD_NAMES, REGIONS, TRADES, IndustryPlan, Item
from icp_xl.samples.chance import Chance
from icp_xl.samples.names import company_name, make_roots

FIRST_YEAR, YEARS = 2021, 4
MONTHS = 12 * YEARS
#: The day after the last sale.
END = date(FIRST_YEAR + YEARS, 1, 1)

#: Effects on the log of the monthly chance to buy, per division.
DRIVERS: dict[str, dict[str, float]] = {
    "Solidworks": {"base": -4.7, "designs": 1.0, "owns_seats": 0.7, "expiring": 2.3, "momentum": 0.35, "size": 0.20},
    "Simulation": {"base": -6.3, "designs": 1.2, "owns_seats": 1.4, "bought_cad_lately": 0.9, "expiring": 2.2,
                   "size": 0.25},
    "Data Management": {"base": -6.0, "log_seats": 0.8, "expiring": 2.4, "size": 0.30, "momentum": 0.2},
    "Printers": {"base": -5.6, "prints": 1.1, "owns_scanner": 1.0, "log_printers": 0.5, "bought_printer_lately": -1.5,
                 "warranty_ends": 0.9, "size": 0.25, "momentum": 0.2},
    "Consumables": {"base": -2.3, "log_printers": 0.6, "momentum": 0.35, "prints": 0.3},
    "Services": {"base": -5.2, "log_printers": 0.6, "warranty_ends": 1.6, "momentum": 0.25},
    "Training": {"base": -6.0, "bought_software_lately": 2.4, "owns_seats": 0.3},
    "Scanning": {"base": -6.8, "prints": 1.1, "owns_printer": 0.9, "expiring": 1.6, "size": 0.2},
}  # fmt: skip
#: Effects common to all divisions: the log of how well the industry pays, and of the account's own vigour.
COMMON = {"log_pays": 0.9, "log_vigour": 0.8, "quarter_end": 0.25}
#: Effects on the log odds that an opportunity is won.
#: Lines per account at which :data:`DRIVERS` hold as they stand.
PACE = 26.7
WON = {"base": -1.0, "log_printers": 0.45, "owns_seats": 0.75, "log_pays": 0.8, "size": -0.18, "bought_lately": 0.9,
       "quarter_end": 0.3}  # fmt: skip


@dataclass
class Account:
    """A company as it truly is; ``key`` is its identity everywhere."""

    key: str
    name: str
    form: str
    plan: IndustryPlan
    annual_revenue: float
    city: str
    state: str
    region: str
    rep: str
    vigour: float
    since: int
    prospect: bool
    twin_of: str | None = None
    printers: int = 0
    seats: int = 0
    scanners: int = 0
    #: Month of the last purchase per division.
    last: dict[str, int] = field(default_factory=dict)
    months: list[int] = field(default_factory=list)
    #: Printers at the beginning of each month.
    printers_by_month: list[int] = field(default_factory=list)

    @cached_property
    def size(self) -> float:
        """Log of annual revenue against 20 million."""
        return math.log(self.annual_revenue / 2e7)

    @cached_property
    def pull(self) -> float:
        """The part of the log chance to buy that is the account's own in every division."""
        return COMMON["log_pays"] * math.log(self.plan.pays) + COMMON["log_vigour"] * math.log(self.vigour + 0.05)


@dataclass(frozen=True)
class Line:
    """One line of the sales log."""

    day: date
    account: Account
    division: str
    item: Item
    quantity: int
    revenue: float
    gross_profit: float
    invoice: str


@dataclass
class Asset:
    """Something an account owns or rents until it expires; ``expires`` is a month counted from the first."""

    account: Account
    division: str
    item: Item
    quantity: int
    start: date
    expiry: date
    month: int
    expires: int
    subscribed: bool


@dataclass(frozen=True)
class Deal:
    """One opportunity; ``won`` is ``None`` while it is open."""

    number: int
    account: Account
    division: str
    amount: float
    created: date
    closed: date
    stage: str
    won: bool | None


@dataclass
class World:
    """Everything that is true."""

    accounts: list[Account]
    lines: list[Line]
    assets: list[Asset]
    deals: list[Deal]


def make_world(seed: int, accounts: int, lines: int) -> World:
    """Accounts, and four years of what they did. About ``lines`` sales lines come of it, never more."""
    people = make_accounts(Chance(f"{seed} accounts"), accounts)
    pace = math.log(max(lines, 1) / max(accounts, 1) / PACE)
    sold: list[Line] = []
    assets: list[Asset] = []
    deals: list[Deal] = []
    for account in people:
        # Each account has a stream of its own: a change to one leaves the others as they were.
        chance = Chance(f"{seed} {account.key}")
        _live(account, chance, pace, sold, assets, deals)
    chance = Chance(f"{seed} thinning")
    if len(sold) > lines:
        keep = sorted(chance.shuffled(range(len(sold)))[:lines])
        sold = [sold[at] for at in keep]
    sold.sort(key=lambda line: (line.day, line.invoice, line.item.sku))
    numbers: dict[str, str] = {}
    for line in sold:
        kind = "CR" if line.quantity < 0 else ""
        numbers.setdefault(line.invoice, f"{kind}{100_000 + len(numbers)}")
    sold = [replace(line, invoice=numbers[line.invoice]) for line in sold]
    deals.sort(key=lambda deal: (deal.created, deal.account.key, deal.amount))
    deals = [
        Deal(at, deal.account, deal.division, deal.amount, deal.created, deal.closed, deal.stage, deal.won)
        for at, deal in enumerate(deals, start=1)
    ]
    return World(people, sold, assets, deals)


def make_accounts(chance: Chance, count: int) -> list[Account]:
    """``count`` different companies; a few share their name with another at another place."""
    roots = make_roots(chance, count)
    shares = {plan: plan.share for plan in INDUSTRIES}
    found: list[Account] = []
    odd = ODD_NAMES if count >= 200 else ODD_NAMES[:4]
    for at in range(count):
        plan = chance.weighted(shares)
        region = chance.one(tuple(REGIONS))
        places, reps = REGIONS[region]
        city, state = chance.one(places)
        name, form = company_name(chance, roots[at], chance.one(TRADES[plan.name]))
        twin = None
        if at < len(odd):
            name, form = odd[at], ""
        elif at % 97 == 96:
            # Same name, another place, another company.
            other = found[at - 40]
            name, form, twin = other.name, other.form, other.key
            region = next(item for item in REGIONS if item != other.region)
            places, reps = REGIONS[region]
            city, state = chance.one(places)
        elif at % 53 == 52:
            # Same family name, other trade: likely to be confused, and not to be.
            trades = [t for plan_ in INDUSTRIES for t in TRADES[plan_.name] if t not in found[at - 7].name]
            name, form = company_name(chance, found[at - 7].name.split()[0], chance.one(trades))
        found.append(
            Account(
                key=f"C-{10001 + at}",
                name=name,
                form=form,
                plan=plan,
                annual_revenue=round(2e7 * math.exp(chance.normal(0.0, 1.6)) * plan.pays**0.5, -4) + 250_000.0,
                city=city,
                state=state,
                region=region,
                rep=chance.one(reps),
                vigour=chance.gamma2(),
                since=0 if chance.happens(0.6) else chance.whole(1, MONTHS - 4),
                prospect=chance.happens(0.10),
                twin_of=twin,
                printers=chance.count(0.5 * math.exp(0.9 * plan.prints)) if chance.happens(0.55) else 0,
                seats=chance.whole(1, 8) if chance.happens(0.35 + 0.3 * plan.designs) else 0,
            )
        )
    return found


def _live(
    account: Account, chance: Chance, pace: float, sold: list[Line], assets: list[Asset], deals: list[Deal]
) -> None:
    own: list[Asset] = []
    if account.seats and not account.prospect:
        start = _day(chance, account.since - chance.whole(1, 11))
        own.append(_asset(account, "Solidworks", DIVISIONS["Solidworks"][0], account.seats, start, chance))
    number = 0
    for month in range(MONTHS):
        account.printers_by_month.append(account.printers)
        if account.prospect or month < account.since:
            _maybe_deal(account, chance, month, deals)
            continue
        due = [item for item in own if 0 <= item.expires - month <= 2]
        signals = known_signals(account, month, due)
        for division in DIVISIONS:
            expiring = [item for item in due if item.division == division and item.expires - month <= 1]
            if chance.unit() < buying_chance(account, division, month, signals, bool(expiring), pace):
                number += 1
                invoice = f"INV-{FIRST_YEAR + month // 12 - 2000}{month % 12 + 1:02d}-{account.key[3:]}{number:03d}"
                _buy(account, division, month, expiring, invoice, chance, sold, own)
        _maybe_deal(account, chance, month, deals)
    assets.extend(own)


def known_signals(account: Account, month: int, due: list[Asset]) -> dict[str, float]:
    """What is known of ``account`` before ``month``, as the drivers name it; ``due`` runs out within three months."""

    def lately(months: int, *divisions: str) -> float:
        return float(any(month - account.last.get(item, -99) <= months for item in divisions))

    return {
        "designs": account.plan.designs,
        "prints": account.plan.prints,
        "size": max(min(account.size, 3.0), -3.0),
        "owns_seats": float(account.seats > 0),
        "log_seats": math.log1p(account.seats),
        "owns_printer": float(account.printers > 0),
        "log_printers": math.log1p(account.printers),
        "owns_scanner": float(account.scanners > 0),
        "warranty_ends": float(any(item.division in ("Printers", "Services") for item in due)),
        "bought_cad_lately": lately(6, "Solidworks"),
        "bought_software_lately": lately(3, "Solidworks", "Simulation", "Data Management"),
        "bought_printer_lately": lately(6, "Printers"),
        "momentum": math.log1p(sum(1 for at in account.months if month - at <= 6)),
    }


def buying_chance(
    account: Account, division: str, month: int, signals: dict[str, float], expiring: bool, pace: float = 0.0
) -> float:
    """The planted chance that an account buys in a division in a month, given only what happened before it.

    Args:
        account: with its pull, drawn once.
        division: by its name.
        month: counted from 0 at the world's start.
        signals: what the account did before, by driver.
        expiring: whether an asset's support ends in the months ahead.
        pace: added to the log of every chance.
    """
    if division == "Consumables" and not account.printers:
        return 0.0
    total = pace + account.pull + COMMON["quarter_end"] * (month % 3 == 2)
    for name, effect in DRIVERS[division].items():
        total += effect if name == "base" else effect * (float(expiring) if name == "expiring" else signals[name])
    return min(math.exp(total), 0.85)


def _buy(
    account: Account,
    division: str,
    month: int,
    expiring: list[Asset],
    invoice: str,
    chance: Chance,
    sold: list[Line],
    own: list[Asset],
) -> None:
    day = _day(chance, month)
    items = DIVISIONS[division]
    if expiring and chance.happens(0.8):
        item = next((i for i in items if i.category == "maintenance"), expiring[0].item)
        quantity = expiring[0].quantity
        expiring[0].expires = expiring[0].expires + 12
        expiring[0].expiry = expiring[0].expiry + timedelta(days=365)
        _sell(account, division, item, quantity, day, invoice, chance, sold)
    else:
        for at in range(chance.whole(1, 4) if division == "Consumables" else 1 + chance.happens(0.15)):
            item = chance.weighted({i: i.weight for i in items if i.weight})
            quantity = _quantity(account, division, item, chance)
            _sell(account, division, item, quantity, day, invoice, chance, sold)
            if item.term and at == 0:
                own.append(_asset(account, division, item, quantity, day, chance))
            if division == "Printers":
                account.printers += quantity
            elif division == "Solidworks":
                account.seats += quantity
            elif item.sku == "SCN-HND":
                account.scanners += quantity
    account.last[division] = month
    account.months.append(month)
    del account.months[:-12]


def _quantity(account: Account, division: str, item: Item, chance: Chance) -> int:
    if division == "Consumables":
        return 1 + chance.count(0.7 + 0.8 * math.log1p(account.printers))
    if division in ("Solidworks", "Data Management"):
        return 1 + chance.count(0.4 + max(account.size, 0.0) * 0.5)
    return 1 + (item.price < 10_000 and chance.happens(0.15))


def _sell(
    account: Account,
    division: str,
    item: Item,
    quantity: int,
    day: date,
    invoice: str,
    chance: Chance,
    sold: list[Line],
) -> None:
    growth = 1.03 ** (day.year - FIRST_YEAR)
    discount = min(max(chance.normal(0.06, 0.05), 0.0), 0.35)
    revenue = float(round(item.price * growth * quantity * (1 - discount)))
    margin = item.margin + chance.normal(0.0, 0.05) - discount * 0.5
    if chance.happens(0.015):
        margin = -abs(chance.normal(0.08, 0.05))
    sold.append(Line(day, account, division, item, quantity, revenue, round(revenue * margin, 2), invoice))
    if chance.happens(0.02):
        back = day + timedelta(days=chance.whole(3, 25))
        if back < END:
            sold.append(
                Line(
                    back, account, division, item, -quantity, -revenue, round(-revenue * margin, 2), "CR" + invoice[3:]
                )
            )


def _asset(account: Account, division: str, item: Item, quantity: int, start: date, chance: Chance) -> Asset:
    expiry = start + timedelta(days=365)
    month = (start.year - FIRST_YEAR) * 12 + start.month - 1
    return Asset(account, division, item, quantity, start, expiry, month, month + 12, chance.happens(0.65))


def _maybe_deal(account: Account, chance: Chance, month: int, deals: list[Deal]) -> None:
    """Opportunities of the last two years: who wins is planted in :data:`WON`."""
    if month < MONTHS - 24 or not chance.happens(0.045 * (0.4 + account.vigour)):
        return
    division = chance.one(tuple(DIVISIONS))
    item = chance.one(DIVISIONS[division])
    created = _day(chance, month)
    closed = created + timedelta(days=chance.whole(20, 160))
    amount = round(item.price * chance.whole(1, 5) * math.exp(chance.normal(0.0, 0.3)), -1)
    if closed >= END:
        stage = chance.one(("Qualification", "Solution Development", "Proposal", "Negotiation"))
        deals.append(Deal(0, account, division, amount, created, closed, stage, None))
        return
    odds = (
        WON["base"]
        + WON["log_printers"] * math.log1p(account.printers)
        + WON["owns_seats"] * (account.seats > 0)
        + WON["log_pays"] * math.log(account.plan.pays)
        + WON["size"] * max(min(account.size, 3.0), -3.0)
        + WON["bought_lately"] * any(month - at <= 6 for at in account.months)
        + WON["quarter_end"] * (closed.month % 3 == 0)
    )
    won = chance.happens(1 / (1 + math.exp(-odds)))
    deals.append(Deal(0, account, division, amount, created, closed, "Closed Won" if won else "Closed Lost", won))


def _day(chance: Chance, month: int) -> date:
    """A working day of a month counted from the first."""
    day = date(FIRST_YEAR + month // 12, month % 12 + 1, chance.whole(1, 28))
    return day + timedelta(
        days=-1 if day.weekday() == 5 and day.day > 1 else 1 if day.weekday() == 6 and day.day < 28 else 0
    )
