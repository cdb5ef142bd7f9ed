"""What a sales line is: hardware, consumable, software licence, SaaS, maintenance or service."""

from __future__ import annotations

import re

import pandas as pd

from icp_xl.tables.names import fold

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
_PATTERNS = tuple((category, re.compile(rf"\b(?:{words})\b")) for category, words in _WORDS)


def standardize_category(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The category of each sales line, and how it was found ("category", "product", "division", "").

    The category column decides where it can be understood; else words of the product, then of the division and the
    stock code. A line that none of them tells about has no category.
    """
    result = pd.Series(None, index=frame.index, dtype="object")
    how = pd.Series("", index=frame.index, dtype="object")
    for column, label in (
        ("category", "category"), ("product", "product"), ("division", "division"), ("sku", "stock code"),
    ):  # fmt: skip
        if column not in frame.columns:
            continue
        values = frame[column]
        kinds = {value: category_of(value) for value in values.dropna().unique()}
        found = values.map(kinds)
        fill = result.isna() & found.notna()
        result = result.where(~fill, found)
        how = how.where(~fill, label)
    return result.where(result.notna(), None), how


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
