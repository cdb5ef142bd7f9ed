"""The look of everything we write: palette, fonts, number formats, said once.

Grades run from deep teal over grey to burnt orange: an order that people who cannot tell red from green still see,
and that stays an order in grey print; the letter is always shown as well. Calibri is on every Excel for Windows and
Mac; LibreOffice sets Carlito in its place, which has the same widths.
"""

from __future__ import annotations

from icp_xl.reports.spec import Kind

FONT = "Calibri"
FONT_SIZE = 11

NAVY = "#12344D"
TEAL = "#1B7F8C"
LIGHT_TEAL = "#7FC4C9"
PALE_TEAL = "#E3F1F2"
ORANGE = "#D9772B"
PALE_ORANGE = "#FBE6D2"
AMBER = "#F2C14E"
PALE_AMBER = "#FDF3D8"
INK = "#1F2933"
GREY = "#6B7780"
MID_GREY = "#A9B4BB"
LINE = "#D5DBDF"
PALE_GREY = "#F4F6F7"
WHITE = "#FFFFFF"
#: Cells that are the reader's to fill.
INPUT_FILL = "#FFFBE0"
INPUT_LINE = "#D9C76A"

#: Colours of chart series, in order; neighbours differ in lightness as well as in hue.
SERIES = (TEAL, NAVY, ORANGE, LIGHT_TEAL, AMBER, GREY, "#7A4E8A", MID_GREY)

#: Grade to (fill, text).
GRADE_COLOURS: dict[str, tuple[str, str]] = {
    "A": ("#0B5F6B", WHITE),
    "B": ("#5FAFB6", INK),
    "C": ("#E1E6E8", INK),
    "D": ("#F5C893", INK),
    "F": ("#C9651B", WHITE),
}

#: Tone to (fill, text).
TONES: dict[str, tuple[str, str]] = {
    "plain": (PALE_GREY, NAVY),
    "good": (PALE_TEAL, "#0B5F6B"),
    "bad": (PALE_ORANGE, "#9A4510"),
    "warning": (PALE_AMBER, "#7A5A00"),
}

#: First words of a status cell, by tone.
STATUS_WORDS: dict[str, tuple[str, ...]] = {
    "good": ("ok", "pass", "good", "ready", "accepted", "matched", "complete", "fresh", "stable", "won", "done",
             "holds", "as expected"),
    "warning": ("warn", "review", "thin", "check", "watch", "partial", "not enough", "guess", "degraded", "open",
                "usable", "left out", "look at", "outside"),
    "bad": ("fail", "missing", "error", "bad", "broken", "no match", "alert", "drift", "lost", "stale", "refused",
            "not ready", "no model"),
}  # fmt: skip

#: Decimal places by kind.
DECIMALS: dict[str, int] = {
    "integer": 0, "number": 2, "money": 0, "percent": 1, "probability": 1, "score": 1, "weight": 3,
}  # fmt: skip


def number_format(kind: Kind, decimals: int | None = None, currency: str = "$") -> str:
    """The Excel number format of a kind.

    >>> number_format("money"), number_format("percent", 0), number_format("id")
    ('"$"#,##0;-"$"#,##0', '0%', '@')
    """
    if kind == "id":
        return "@"
    if kind == "date":
        return "yyyy-mm-dd"
    if kind == "datetime":
        return "yyyy-mm-dd hh:mm"
    if kind not in DECIMALS:
        return "General"
    places = DECIMALS[kind] if decimals is None else decimals
    tail = "." + "0" * places if places else ""
    if kind in ("percent", "probability"):
        return f"0{tail}%"
    if kind == "money":
        sign = '"' + currency.replace('"', "") + '"' if currency else ""
        return f"{sign}#,##0{tail};-{sign}#,##0{tail}"
    if kind in ("score", "weight"):
        return f"0{tail}"
    return f"#,##0{tail}"


def tile_format(kind: Kind, value: object, decimals: int | None = None, currency: str = "$") -> str:
    """The number format of a headline figure: large sums of money in thousands or millions.

    >>> tile_format("money", 12_300_000.0)
    '"$"#,##0.0,,"M";-"$"#,##0.0,,"M"'

    Args:
        kind: what the figure is.
        value: the figure, whose size decides between units, thousands, millions and billions.
        decimals: places after the point; with them a sum is never shortened.
        currency: sign of an amount of money.
    """
    if kind == "money" and decimals is None and isinstance(value, int | float):
        sign = '"' + currency.replace('"', "") + '"' if currency else ""
        for limit, scale in ((1e9, ',,,"B"'), (1e6, ',,"M"'), (1e5, ',"K"')):
            if abs(value) >= limit:
                body = f"#,##0{'' if limit == 1e5 else '.0'}{scale}"
                return f"{sign}{body};-{sign}{body}"
    return number_format(kind, decimals, currency)
