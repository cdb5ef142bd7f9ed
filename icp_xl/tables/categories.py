"""What a sales line is: hardware, consumable, software licence, SaaS, maintenance or service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from icp_xl.errors import Fault, SourceError
from icp_xl.sources.numbers import is_missing
from icp_xl.tables.names import fold
from icp_xl.user_cells import CATEGORIES as USER_CATEGORIES

#: The sheet of the report on which a person corrects categories.
CATEGORY_SHEET = USER_CATEGORIES.sheet
#: What a person writes for "no category".
NONE = "none"
#: Columns of :func:`category_choices`.
CATEGORY_COLUMNS = ("text", "stands_in", "lines", "revenue", "category", "decided_by")
CATEGORIES = ("hardware", "consumable", "software licence", "saas", "maintenance", "service")
#: In this order: the first kind whose words occur decides.
_EXACT = {
    "hardware": "hardware", "hw": "hardware", "hard ware": "hardware", "equipment": "hardware", "machine": "hardware",
    "machines": "hardware", "printer": "hardware", "printers": "hardware", "system": "hardware", "systems": "hardware",
    "capital": "hardware", "capital equipment": "hardware", "device": "hardware", "devices": "hardware",
    "consumable": "consumable", "consumables": "consumable", "cons": "consumable", "supplies": "consumable",
    "supply": "consumable", "material": "consumable", "materials": "consumable", "resin": "consumable",
    "software": "software licence", "sw": "software licence", "license": "software licence",
    "licence": "software licence", "licenses": "software licence", "software license": "software licence",
    "software licence": "software licence", "software licenses": "software licence", "perpetual": "software licence",
    "perpetual license": "software licence", "perpetual licence": "software licence", "lic": "software licence",
    "saas": "saas", "subscription": "saas", "subscriptions": "saas", "cloud": "saas", "sub": "saas",
    "software as a service": "saas", "software subscription": "saas",
    "maintenance": "maintenance", "maint": "maintenance", "support": "maintenance", "warranty": "maintenance",
    "service contract": "maintenance", "maintenance contract": "maintenance", "amc": "maintenance",
    "software maintenance": "maintenance", "hardware maintenance": "maintenance", "mnt": "maintenance",
    "service": "service", "services": "service", "svc": "service", "training": "service", "consulting": "service",
    "professional services": "service", "installation": "service", "professional service": "service",
}  # fmt: skip
_WORDS = (
    ("maintenance", r"maint\w*|warrant\w*|support\w*|service contract|care ?pack\w*|care plan|amc|renewal\w*"),
    ("saas", r"saas|subscription\w*|cloud\w*|hosted|online seat\w*|per month|annual plan|monthly plan"),
    ("software licence", r"licen[cs]\w*|perpetual|softwares?|cad|cam|plm|pdm|seats?|sw"),
    ("consumable", r"consumab\w*|resins?|filament\w*|powders?|material\w*|cartridge\w*|toners?|inks?|spools?|suppl\w+"
     r"|blades?|nozzles?|build (?:plate|tray|sheet)s?|cleaning"),
    ("service", r"services?|training|consult\w*|install\w*|implementation|repair\w*|labou?r|onsite|scanning service"),
    ("hardware", r"hardware|printers?|scanners?|machines?|equipment|workstations?|servers?|devices?|units?"),
)  # fmt: skip
#: Columns whose texts are asked, in this order, and what we call them.
_ASKED = (("category", "category"), ("product", "product"), ("division", "division"), ("sku", "stock code"))
_PATTERNS = tuple((category, re.compile(rf"\b(?:{words})\b")) for category, words in _WORDS)


def standardize_category(frame: pd.DataFrame, said: Mapping[str, str] | None = None) -> tuple[pd.Series, pd.Series]:
    """The category of each sales line, and how it was found ("user", "category", "product", "division", …, "").

    A category that is given decides, also where it cannot be understood: the line then has none. Words of the
    product, of the division and of the stock code are asked only on lines without one. ``said`` is what the user says
    of a category or, on lines without one, of a product ("Furniture" to "hardware"; "none" for no category).
    """
    said = {fold(text): category for text, category in (said or {}).items()}
    result = pd.Series(None, index=frame.index, dtype="object")
    how = pd.Series("", index=frame.index, dtype="object")
    given = given_category(frame)
    for column, label in _ASKED:
        if column not in frame.columns:
            continue
        values = frame[column]
        asked = how.eq("") & (given if column == "category" else ~given)
        texts = values[asked].dropna().unique()
        users = {value: said[fold(value)] for value in texts if isinstance(value, str) and fold(value) in said}
        for kinds, origin in ((users, "user"), ({value: category_of(value) for value in texts}, label)):
            found = values.map(kinds)
            fill = asked & how.eq("") & found.notna()
            result = result.where(~fill, found)
            how = how.where(~fill, origin)
    return result.where(result.notna() & result.ne(NONE), None), how


def given_category(frame: pd.DataFrame) -> pd.Series:
    """Which lines have a category at all, understood or not."""
    if "category" not in frame.columns:
        return pd.Series(False, index=frame.index)
    return frame["category"].map(lambda value: isinstance(value, str) and not is_missing(value)).astype(bool)


def category_choices(frame: pd.DataFrame, category: pd.Series, how: pd.Series) -> pd.DataFrame:
    """What decided the category of the sales lines, for a person to look at: one row per text that did or might have.

    Columns: ``text``, ``stands_in`` (category, product, division, stock code or nothing), ``lines``, ``revenue`` (sum),
    ``category`` (ours, missing where none), ``decided_by``. Largest revenue first.

    Args:
        frame: sales lines as read, with ``category``, ``product`` and ``revenue``.
        category: what :func:`standardize_category` made of them.
        how: what decided it.
    """
    given = given_category(frame)
    text, stands_in = (pd.Series("", index=frame.index, dtype="object") for _ in range(2))
    for column, label in _ASKED:
        if column in frame.columns:
            fill = text.eq("") & frame[column].notna() & (given if column == "category" else ~given)
            text[fill], stands_in[fill] = frame.loc[fill, column].astype(str), label
    body = pd.DataFrame(
        {
            "text": text,
            "stands_in": stands_in,
            "revenue": frame["revenue"],
            "category": category.where(category.notna(), "").astype(str),
            "decided_by": how,
        }
    )
    keys = ["text", "stands_in", "category", "decided_by"]
    grouped = body.groupby(keys, sort=True, as_index=False).agg(lines=("revenue", "size"), revenue=("revenue", "sum"))
    grouped["category"] = grouped["category"].where(grouped["category"] != "", None)
    ranked = grouped.sort_values(["revenue", "text"], ascending=[False, True], kind="stable", ignore_index=True)
    return ranked[list(CATEGORY_COLUMNS)]


def category_remarks(choices: pd.DataFrame) -> list[str]:
    """What to tell the user about categories that nothing understood, and about those that words of a product gave."""
    told = []
    unknown = choices[
        choices["stands_in"].eq("category") & choices["category"].isna() & choices["decided_by"].ne("user")
    ]
    if len(unknown):
        shown = "; ".join(
            f"{row.text}: {row.lines:,} line{'s' if row.lines != 1 else ''}, {row.revenue:,.2f}"
            for row in unknown.head(6).itertuples()
        )
        more = f" and {len(unknown) - 6:,} more" if len(unknown) > 6 else ""
        told.append(
            f"Categories that could not be understood, so that their lines count in totals only: {shown}{more}. "
            f"Say what they are on the report's sheet {CATEGORY_SHEET}, or in the settings under matching.categories, "
            f"for example {{{unknown['text'].iloc[0]}: hardware}}."
        )
    guessed = choices[choices["decided_by"].isin(["product", "division", "stock code"])]
    if len(guessed):
        first = guessed.iloc[0]
        where = {"product": "the product's name", "division": "the division", "stock code": "the stock code"}
        told.append(
            f"{int(guessed['lines'].sum()):,} sales lines without a category got one from words in "
            f"{where[str(first['decided_by'])]} (such as {first['text']}: {first['category']}), "
            f"{guessed['revenue'].sum():,.2f} in all; the report's sheet {CATEGORY_SHEET} "
            "lists them and takes corrections."
        )
    return told


def category_of(text: object) -> str | None:
    """The category that a text names, or None.

    >>> category_of("SW Licence"), category_of("Annual Maint."), category_of("F370 Printer"), category_of("GTX Pro")
    ('software licence', 'maintenance', 'hardware', None)
    """
    if not isinstance(text, str):
        return None
    words = " ".join("".join(letter if letter.isalnum() else " " for letter in fold(text)).split())
    if words in _EXACT:
        return _EXACT[words]
    return next((category for category, pattern in _PATTERNS if pattern.search(words)), None)


def read_categories(path: Path) -> dict[str, str]:
    """A person's answers on the sheet *Categories* of a report: text to category; none where there is no such sheet.

    Raises:
        SourceError: the workbook cannot be read, or an answer is no category.
    """
    from icp_xl.sources.file_types import open_book

    if not path.is_file():
        return {}
    book = open_book(path)
    if CATEGORY_SHEET not in book.sheet_names():
        return {}
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for number, row in USER_CATEGORIES.read(book.rows(CATEGORY_SHEET)) or []:
        answer, text = row["answer"], row["text"]
        if answer and answer.lower() not in (*CATEGORIES, NONE):
            faults.append(Fault("it is no category", f"{path.name}, sheet {CATEGORY_SHEET}, row {number}", answer))
        elif answer and text:
            found[text] = answer.lower()
    if faults:
        raise SourceError("answers on the sheet Categories cannot be used", allowed=", ".join((*CATEGORIES, NONE)),
                          next_step="Choose from the list in the cell.", faults=faults)  # fmt: skip
    return found
