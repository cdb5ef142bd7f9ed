"""The fields of every source: our name, kind, and the headers under which other people's files hold them.

Reading, ``icp-xl check`` and the workbook templates all take the fields from here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "number", "date", "flag", "year"]


@dataclass(frozen=True)
class Field:
    """One column of a source.

    ``kind``: ``id`` stays text (leading zeros kept), ``number`` becomes float64, ``date`` datetime64, ``flag`` a
    nullable boolean. ``synonyms`` are compared without regard to case, accents, spaces and punctuation.
    """

    name: str
    kind: Kind
    label: str
    synonyms: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class SourceSpec:
    """One source: its file names, its fields, and what it cannot do without.

    ``required`` lists groups of which at least one field each must be found. ``files`` are exact names in order of
    preference, ``patterns`` are parts of a file name (lower case, words divided by one space) that also identify it.
    """

    name: str
    title: str
    fields: tuple[Field, ...]
    required: tuple[tuple[str, ...], ...]
    files: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()

    def field(self, name: str) -> Field | None:
        """The field called ``name``."""
        return next((item for item in self.fields if item.name == name), None)

    @property
    def names(self) -> list[str]:
        """Names of all fields, in order."""
        return [item.name for item in self.fields]


_ACCOUNT_ID = Field(
    "account_id",
    "id",
    "Account ID",
    ("customer id", "cust id", "customer number", "customer no", "customer nr", "customer code", "account number",
     "account no", "account code", "acct id", "acct no", "acct", "cust no", "client id", "client number",
     "kundennummer", "kunden nr", "debitor", "code client", "erp id", "crm id", "salesforce id", "bill to id"),
    "Key of the account, kept as text",
)  # fmt: skip
_ACCOUNT_NAME = Field(
    "account_name",
    "text",
    "Account name",
    ("customer", "customer name", "customer names", "company", "company name", "account", "client", "client name",
     "organization", "organisation", "business name", "name", "bill to name", "sold to", "sold to name", "end user",
     "kunde", "firma", "kundenname", "raison sociale", "cliente", "nom du client", "ship to name"),
    "Name of the company",
)  # fmt: skip
_INDUSTRY = Field(
    "industry",
    "text",
    "Industry",
    ("sector", "vertical", "industry name", "industry vertical", "industry sector", "industry classification",
     "naics description", "sic description", "primary industry", "market segment", "branche", "secteur", "industria"),
    "Industry in any spelling; standardised later",
)  # fmt: skip
_REVENUE_OF_ACCOUNT = Field(
    "annual_revenue",
    "number",
    "Annual revenue",
    ("annual revenue usd", "annual rev", "company revenue", "yearly revenue", "estimated revenue", "est annual revenue",
     "annual sales", "revenue usd", "turnover", "umsatz", "jahresumsatz", "revenue", "chiffre d affaires",
     "enriched revenue", "enriched annual revenue", "reliable revenue"),
    "Revenue of the company itself per year",
)  # fmt: skip
_REP = Field(
    "rep",
    "text",
    "Sales rep",
    ("sales rep", "salesperson", "sales person", "account manager", "account owner", "owner", "account rep",
     "territory manager", "am", "sales agent", "sales team", "vertreter", "assigned to", "rep name", "seller"),
    "Who looks after the account",
)  # fmt: skip
_CITY = Field("city", "text", "City", ("town", "city name", "billing city", "ship to city", "ort", "ville", "ciudad"))
_STATE = Field(
    "state",
    "text",
    "State",
    ("state province", "province", "billing state", "st", "state code", "ship to state", "bundesland"),
)
_COUNTRY = Field(
    "country", "text", "Country",
    ("country name", "country code", "billing country", "ship to country", "land", "pays", "office location"),
)  # fmt: skip
_SKU = Field(
    "sku",
    "id",
    "SKU",
    ("item", "item no", "item number", "item code", "part number", "part no", "product code", "product id",
     "product number", "stock code", "material", "artikelnummer", "article number", "item id"),
)  # fmt: skip
_PRODUCT = Field(
    "product",
    "text",
    "Product",
    ("product name", "item description", "description", "product description", "item name", "bezeichnung", "products"),
)
_QUANTITY = Field(
    "quantity", "number", "Quantity",
    ("qty", "order quantity", "units", "qty shipped", "quantity ordered", "menge", "seats", "units sold", "count"),
)  # fmt: skip
_DIVISION = Field(
    "division",
    "text",
    "Division",
    ("business unit", "bu", "product line", "product group", "line of business", "product family", "division name",
     "sales division", "sparte", "series"),
)  # fmt: skip

CUSTOMERS = SourceSpec(
    name="customers",
    title="Customers",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _INDUSTRY,
        _REVENUE_OF_ACCOUNT,
        _REP,
        Field("region", "text", "Region", ("sales region", "territory", "area", "gebiet", "région", "regional office")),
        Field(
            "printers", "number", "Printers",
            ("printer count", "number of printers", "printers owned", "no of printers", "big box count",
             "installed printers", "3d printers", "printer qty", "# printers", "# of printers"),
            "How many printers the account runs",
        ),
        _CITY,
        _STATE,
        _COUNTRY,
        Field(
            "do_not_contact", "flag", "Do not contact",
            ("dnc", "do not call", "no contact", "opt out", "opted out", "contact blocked", "legal hold"),
            "True where nobody may contact the account",
        ),
    ),
    required=(("account_id", "account_name"),),
    files=("JY - Customer Analysis - Customer Segmentation.xlsx",),
    patterns=("customer analysis", "customer segmentation", "customers", "accounts", "customer list"),
    sheets=("customers", "customer list", "accounts", "customer segmentation"),
)  # fmt: skip

SALES = SourceSpec(
    name="sales",
    title="Sales log",
    fields=(
        Field(
            "date", "date", "Date",
            ("order date", "invoice date", "transaction date", "rec date", "sale date", "sales date", "posting date",
             "close date", "closed date", "rechnungsdatum", "datum", "date de facture", "booking date", "ship date"),
            "Day of the sale",
        ),
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _DIVISION,
        _SKU,
        _PRODUCT,
        _QUANTITY,
        Field(
            "revenue", "number", "Revenue",
            ("amount", "net sales", "net amount", "sales", "sales amount", "extended price", "line total",
             "line amount", "total", "total amount", "total sales", "ext price", "net revenue", "invoice amount",
             "umsatz", "betrag", "close value", "revenue usd", "sales usd", "montant"),
            "Revenue of the line; a return is negative",
        ),
        Field(
            "gross_profit", "number", "Gross profit",
            ("gp", "gross margin", "margin", "gp amount", "gross profit usd", "profit", "gp usd", "deckungsbeitrag",
             "marge", "margin amount"),
            "Gross profit of the line",
        ),
        Field(
            "category", "text", "Category",
            ("product category", "item category", "type", "item class", "product type", "revenue type", "kategorie",
             "category name", "goods type", "revenue category"),
            "hardware, consumable, software licence, saas, maintenance or service",
        ),
        _REP,
        Field(
            "invoice", "id", "Invoice",
            ("invoice no", "invoice number", "invoice id", "order number", "order no", "order id", "document number",
             "doc no", "transaction id", "so number", "rechnung", "rechnungsnummer", "belegnummer", "sales order"),
        ),
        _CITY,
        _STATE,
        _COUNTRY,
    ),
    required=(("account_id", "account_name"), ("date",), ("revenue",)),
    files=("TR - Master Sales Log - Customer Segementation.xlsx", "TR - Master Sales Log - Customer Segmentation.xlsx"),
    patterns=("master sales log", "sales log", "sales orders", "transactions", "invoices", "sales"),
    sheets=("sales log", "sales", "transactions", "invoices", "orders", "lines"),
)  # fmt: skip

YEARLY_TOTALS = SourceSpec(
    name="yearly_totals",
    title="Yearly totals",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        Field("year", "year", "Year", ("fiscal year", "fy")),
        Field("measure", "text", "Measure"),
        Field("amount", "number", "Amount", ("total", "year total", "full year", "fy total", "ytd")),
    ),
    required=(("account_id", "account_name"), ("amount",)),
)

ENRICHED_REVENUE = SourceSpec(
    name="enriched_revenue",
    title="Enriched revenue",
    fields=(_ACCOUNT_ID, _ACCOUNT_NAME, _REVENUE_OF_ACCOUNT),
    required=(("account_name", "account_id"), ("annual_revenue",)),
    files=("enrichment_progress.csv",),
    patterns=("enrichment progress", "enriched revenue"),
)

INDUSTRY_UPDATES = SourceSpec(
    name="industry_updates",
    title="Industry updates",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        Field(
            "industry", "text", "Industry",
            ("updated industry", "new industry", "corrected industry", "industry enriched", "enriched industry",
             *_INDUSTRY.synonyms),
        ),
    ),
    required=(("account_name", "account_id"), ("industry",)),
    files=("TR - Industry Enrichment.csv",),
    patterns=("industry enrichment", "industry updates"),
)  # fmt: skip

ASSETS = SourceSpec(
    name="assets",
    title="Assets",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _SKU,
        _PRODUCT,
        Field(
            "start_date", "date", "Start date",
            ("start", "purchase date", "purchased", "activation date", "contract start", "begin date", "subs start",
             "installed", "install date", "commencement"),
        ),
        Field(
            "expiry_date", "date", "Expiry date",
            ("expiry", "expiration date", "expiration", "expires", "end date", "renewal date", "contract end",
             "maintenance end", "subscription end", "subs end", "ablauf", "valid until"),
        ),
        Field(
            "subscription", "flag", "Subscription",
            ("on subscription", "on subs", "subs status", "subscription status", "maintenance", "on maintenance",
             "subscription on off", "subs"),
            "Whether the asset is on subscription",
        ),
        _QUANTITY,
    ),
    required=(("account_id", "account_name"), ("sku", "product")),
    patterns=("assets", "asset list", "installed base", "moneyball"),
    sheets=("assets", "installed base", "moneyball", "subscriptions"),
)  # fmt: skip

OPPORTUNITIES = SourceSpec(
    name="opportunities",
    title="Opportunities",
    fields=(
        Field(
            "opportunity_id", "id", "Opportunity ID",
            ("opp id", "opportunity", "deal id", "opportunity no", "opportunity number", "opp no", "deal no"),
        ),
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        Field("stage", "text", "Stage", ("deal stage", "stage name", "sales stage", "phase", "opportunity stage")),
        Field("outcome", "text", "Outcome", ("result", "won lost", "status", "win loss", "closed status")),
        Field(
            "amount", "number", "Amount",
            ("deal size", "deal value", "opportunity amount", "value", "close value", "expected revenue", "deal amount",
             "amount usd"),
        ),
        Field(
            "created_date", "date", "Created",
            ("created date", "create date", "date created", "opened", "open date", "engage date", "start date"),
        ),
        Field("close_date", "date", "Close date", ("closed date", "expected close", "date closed", "closing date")),
        Field(
            "owner", "text", "Owner",
            ("opportunity owner", *(name for name in _REP.synonyms if name != "owner"), "rep"),
        ),
        _DIVISION,
        _PRODUCT,
    ),
    required=(("account_id", "account_name"), ("stage", "outcome")),
    files=("Opportunities.xlsx", "opportunities.csv"),
    patterns=("opportunities", "opportunity", "pipeline"),
    sheets=("opportunities", "pipeline", "deals"),
)  # fmt: skip

#: Every tabular source by its name in the settings.
SPECS: Mapping[str, SourceSpec] = {
    spec.name: spec
    for spec in (CUSTOMERS, SALES, YEARLY_TOTALS, ENRICHED_REVENUE, INDUSTRY_UPDATES, ASSETS, OPPORTUNITIES)
}
#: The strategic tiers are a JSON file, not a table.
TIERS_FILE = "strategic_industry_tiers.json"
