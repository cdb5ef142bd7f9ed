"""The fields of every source: our name, kind and label.

Reading, ``icp-xl check`` and the workbook templates all take the fields from here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from icp_xl.config import Settings

Kind = Literal["id", "text", "number", "date", "flag", "year"]


@dataclass(frozen=True)
class Field:
    """One column of a source.

    ``kind``: ``id`` stays text (leading zeros kept), ``number`` becomes float64, ``date`` datetime64, ``flag`` a
    nullable boolean. The headers under which files hold it are data: ``headers.yaml``.
    """

    name: str
    kind: Kind
    label: str
    about: str = ""


@dataclass(frozen=True)
class SourceSpec:
    """One source: its file names, its fields, and what it cannot do without.

    ``required`` lists groups of which at least one field each must be found. ``files`` are exact names in order of
    preference, ``patterns`` are parts of a file name (lower case, words divided by one space) that also identify it.
    ``evidence`` are further columns that help to tell accounts apart, or what a row means; no row needs them, and no
    template shows them.
    """

    name: str
    title: str
    fields: tuple[Field, ...]
    required: tuple[tuple[str, ...], ...]
    files: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    evidence: tuple[Field, ...] = ()

    @property
    def columns(self) -> tuple[Field, ...]:
        """Every field that a frame of the source has, evidence included."""
        return (*self.fields, *self.evidence)

    def field(self, name: str) -> Field | None:
        """The field called ``name``."""
        return next((item for item in self.columns if item.name == name), None)

    @property
    def names(self) -> list[str]:
        """Names of all fields, in order."""
        return [item.name for item in self.columns]


_ACCOUNT_ID = Field("account_id", "id", "Account ID", "Key of the account, kept as text")
_ACCOUNT_NAME = Field("account_name", "text", "Account name", "Name of the company")
_INDUSTRY = Field("industry", "text", "Industry", "Industry in any spelling; standardised later")
_REVENUE_OF_ACCOUNT = Field("annual_revenue", "number", "Annual revenue", "Revenue of the company itself per year")
_REP = Field("rep", "text", "Sales rep", "Who looks after the account")
_CITY = Field("city", "text", "City")
_STATE = Field("state", "text", "State")
_COUNTRY = Field("country", "text", "Country")
_SKU = Field("sku", "id", "SKU")
_PRODUCT = Field("product", "text", "Product")
_QUANTITY = Field("quantity", "number", "Quantity")
_DIVISION = Field("division", "text", "Division")
_EVIDENCE = (
    Field("website", "text", "Website"),
    Field("email", "text", "E-mail"),
    Field("phone", "text", "Phone"),
    Field("street", "text", "Street"),
    Field("postcode", "id", "Postcode"),
    Field("tax_id", "id", "Tax ID", "VAT number, EIN, DUNS and the like"),
)
_PARENT = (
    Field("parent_account_id", "id", "Parent account ID"),
    Field("parent_name", "text", "Parent account"),
)
_CURRENCY = Field("currency", "text", "Currency", "Currency of the line's amounts")

#: The id of an account, as every source has it.
ACCOUNT_ID = _ACCOUNT_ID

CUSTOMERS = SourceSpec(
    name="customers",
    title="Customers",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _INDUSTRY,
        _REVENUE_OF_ACCOUNT,
        _REP,
        Field("region", "text", "Region"),
        Field("printers", "number", "Printers", "How many printers the account runs"),
        _CITY,
        _STATE,
        _COUNTRY,
        Field("do_not_contact", "flag", "Do not contact", "True where nobody may contact the account"),
    ),
    required=(("account_id", "account_name"),),
    files=("JY - Customer Analysis - Customer Segmentation.xlsx",),
    patterns=(
        "customer analysis",
        "customer segmentation",
        "customers",
        "accounts",
        "customer list",
        "companies",
        "kunden",
    ),
    sheets=("customers", "customer list", "accounts", "customer segmentation"),
    evidence=(*_EVIDENCE, *_PARENT, _CURRENCY),
)

SALES = SourceSpec(
    name="sales",
    title="Sales log",
    fields=(
        Field("date", "date", "Date", "Day of the sale"),
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _DIVISION,
        _SKU,
        _PRODUCT,
        _QUANTITY,
        Field("revenue", "number", "Revenue", "Revenue of the line; a return is negative"),
        Field("gross_profit", "number", "Gross profit", "Gross profit of the line"),
        Field("category", "text", "Category", "hardware, consumable, software licence, saas, maintenance or service"),
        _REP,
        Field("invoice", "id", "Invoice"),
        _CITY,
        _STATE,
        _COUNTRY,
        _CURRENCY,
    ),
    required=(("account_id", "account_name"), ("date",), ("revenue",)),
    files=("TR - Master Sales Log - Customer Segementation.xlsx", "TR - Master Sales Log - Customer Segmentation.xlsx"),
    patterns=("master sales log", "sales log", "sales orders", "transactions", "invoices", "sales"),
    sheets=("sales log", "sales", "transactions", "invoices", "orders", "lines"),
    evidence=_EVIDENCE,
)

YEARLY_TOTALS = SourceSpec(
    name="yearly_totals",
    title="Yearly totals",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        Field("year", "year", "Year"),
        Field("measure", "text", "Measure"),
        Field("amount", "number", "Amount"),
    ),
    required=(("account_id", "account_name"), ("amount",)),
)

ENRICHED_REVENUE = SourceSpec(
    name="enriched_revenue",
    title="Enriched revenue",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _REVENUE_OF_ACCOUNT,
    ),
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
        _INDUSTRY,
    ),
    required=(("account_name", "account_id"), ("industry",)),
    files=("TR - Industry Enrichment.csv",),
    patterns=("industry enrichment", "industry updates"),
)

ASSETS = SourceSpec(
    name="assets",
    title="Assets",
    fields=(
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _SKU,
        _PRODUCT,
        Field("start_date", "date", "Start date"),
        Field("expiry_date", "date", "Expiry date"),
        Field("subscription", "flag", "Subscription", "Whether the asset is on subscription"),
        _QUANTITY,
    ),
    required=(("account_id", "account_name"), ("sku", "product")),
    patterns=("assets", "asset list", "installed base", "moneyball"),
    sheets=("assets", "installed base", "moneyball", "subscriptions"),
)

OPPORTUNITIES = SourceSpec(
    name="opportunities",
    title="Opportunities",
    fields=(
        Field("opportunity_id", "id", "Opportunity ID"),
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        Field("stage", "text", "Stage"),
        Field("outcome", "text", "Outcome"),
        Field("amount", "number", "Amount"),
        Field("created_date", "date", "Created"),
        Field("close_date", "date", "Close date"),
        Field("owner", "text", "Owner"),
        _DIVISION,
        _PRODUCT,
    ),
    required=(("account_id", "account_name"), ("stage", "outcome")),
    files=("Opportunities.xlsx", "opportunities.csv"),
    patterns=("opportunities", "opportunity", "pipeline", "deals"),
    sheets=("opportunities", "pipeline", "deals"),
    evidence=(
        _CURRENCY,
        Field("is_won", "flag", "Is won"),
        Field("is_closed", "flag", "Is closed"),
        Field("is_deleted", "flag", "Is deleted"),
        Field("probability", "number", "Probability", "Chance to win that the CRM holds, 0 to 1 or 0 to 100"),
        Field("competitor", "text", "Competitor"),
        Field("loss_reason", "text", "Reason for losing"),
    ),
)

#: Every tabular source by its name in the settings.
SPECS: Mapping[str, SourceSpec] = {
    spec.name: spec
    for spec in (CUSTOMERS, SALES, YEARLY_TOTALS, ENRICHED_REVENUE, INDUSTRY_UPDATES, ASSETS, OPPORTUNITIES)
}
#: The strategic tiers are a JSON file, not a table.
TIERS_FILE = "strategic_industry_tiers.json"


def spec_of(name: str, settings: Settings) -> SourceSpec:
    """The source as the settings have it: customers with the further columns that the score's components read."""
    own = settings.scoring.own_columns() if name == "customers" else {}
    spec = SPECS[name]
    more = [
        Field(column, "text" if text else "number", column.replace("_", " ").capitalize(), "read by a component")
        for column, text in own.items()
        if spec.field(column) is None
    ]
    return replace(spec, fields=(*spec.fields, *more))
