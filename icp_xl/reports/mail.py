"""What a message to one reader says: his headline figures and his five best accounts, in his language."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from string import Template
from typing import Any

import pandas as pd

from icp_xl.errors import ConfigError, Fault
from icp_xl.reports.mail_words import PLACEHOLDERS, WORDS, MailWords

#: Accounts listed in a message.
BEST = 5
_SUBJECT = "Subject:"
_CELL = "padding:2px 12px 2px 0"


@dataclass(frozen=True)
class MailFacts:
    """What one reader is told of.

    Args:
        reader: his name.
        person: whether that is a person, to be greeted by it.
        title: of the report.
        day: of the figures.
        scored: his accounts, best first, with name, score and grade; ``None`` where he does not get that report.
        pairs: his rows of the whitespace list; ``None`` likewise.
        files: names of the attached files.
        protected: whether they open with a password; then no account is named in the message.
        sender: the sender's name.
    """

    reader: str
    person: bool
    title: str
    day: date
    scored: pd.DataFrame | None
    pairs: pd.DataFrame | None
    files: tuple[str, ...]
    protected: bool
    sender: str = ""


@dataclass(frozen=True)
class _Listing:
    """Lines, or a table with a heading; the first column of a table is text, the others are set right."""

    rows: tuple[tuple[str, ...], ...] = ()
    heads: tuple[str, ...] = ()
    heading: str = ""

    def text(self) -> str:
        if not self.heads:
            return "\n".join(f"- {row[0]}" for row in self.rows)
        lines = []
        for number, (name, *cells) in enumerate(self.rows, 1):
            told = [f"{head} {cell}" for head, cell in zip(self.heads[1:], cells, strict=True)]
            lines.append(f"{number}. {name}: {', '.join(told)}")
        return "\n".join([self.heading, *lines]) if self.rows else ""

    def html(self) -> str:
        if not self.rows:
            return ""
        if not self.heads:
            return "<ul>" + "".join(f"<li>{escape(row[0])}</li>" for row in self.rows) + "</ul>"
        made = [
            "<tr>" + "".join(
                f'<{tag} style="{_CELL};text-align:{"right" if at else "left"}">{escape(cell)}</{tag}>'
                for at, cell in enumerate(row)
            ) + "</tr>"
            for tag, row in [("th", self.heads), *(("td", row) for row in self.rows)]
        ]  # fmt: skip
        return f"<p>{escape(self.heading)}</p><table>{''.join(made)}</table>"


class MailWriter:
    """Writes the messages of one run: one template, one language, one sign for money."""

    def __init__(self, language: str, currency: str, template: str | None = None) -> None:
        """Read the template.

        Raises:
            ConfigError: it does not begin with a subject, or names what there is not; all faults at once.
        """
        from babel import Locale

        self.locale = Locale.parse(language)
        self.words: MailWords = WORDS[self.locale.language]
        self.currency = currency
        self.subject, self.blocks = _read_template(self.words.template if template is None else template)

    def write(self, facts: MailFacts) -> tuple[str, str, str]:
        """Subject, plain text and HTML."""
        listings = {
            "headline": _Listing(tuple((line,) for line in self._headline(facts))),
            "best": self._best(facts),
            "files": _Listing(tuple((name,) for name in facts.files)),
        }
        values = {
            "reader": facts.reader,
            "hello": self.words.hello.format(name=facts.reader) if facts.person else self.words.hello_all,
            "title": facts.title,
            "accounts": self._counted(self.words.accounts, _accounts(facts)),
            "day": self._day(facts.day),
            "password": self._password(facts),
            "sender": facts.sender,
            **{name: listing.text() for name, listing in listings.items()},
        }
        subject = Template(self.subject).substitute(values)
        texts, htmls = [], []
        for block in self.blocks:
            name = block.strip().removeprefix("$").strip("{}")
            text = Template(block).substitute(values).strip("\n")
            if not text.strip():
                continue
            texts.append(text)
            listed = listings.get(name) if block.strip() in (f"${name}", f"${{{name}}}") else None
            htmls.append(listed.html() if listed is not None else _paragraph(block, values))
        body = "\n".join(htmls)
        html = (
            f'<!DOCTYPE html>\n<html lang="{self.locale.language}"><head><meta charset="utf-8"></head>'
            f'<body style="font-family:Calibri,Arial,sans-serif;font-size:11pt">\n{body}\n</body></html>\n'
        )
        return subject, "\n\n".join(texts) + "\n", html

    def _headline(self, facts: MailFacts) -> Iterator[str]:
        if facts.scored is not None and len(facts.scored):
            top = int(facts.scored["icp_grade"].isin(["A", "B"]).sum())
            yield self.words.graded.format(n=self._number(top), all=self._number(len(facts.scored)))
            yield self.words.average.format(score=self._number(float(facts.scored["icp_score"].mean()), "#,##0.0"))
            if "total_revenue" in facts.scored.columns:
                yield self.words.revenue.format(money=self._money(float(facts.scored["total_revenue"].sum())))
        if facts.pairs is not None:
            now = _to_work(facts.pairs)
            yield self._counted(self.words.work, len(now))
            if len(now):
                yield self.words.expected.format(money=self._money(float(now["expected_value"].sum())))

    def _best(self, facts: MailFacts) -> _Listing:
        if facts.protected:
            return _Listing()
        rows: list[tuple[str, ...]] = []
        if facts.scored is not None:
            for row in facts.scored.head(BEST).to_dict("records"):
                revenue = row.get("total_revenue")
                rows.append(
                    (_name(row), self._number(float(row["icp_score"]), "#,##0.0"), str(row["icp_grade"]),
                     "–" if revenue is None or pd.isna(revenue) else self._money(float(revenue)))
                )  # fmt: skip
            heads = self.words.heads
        elif facts.pairs is not None:
            ranked = facts.pairs[facts.pairs["rank"].notna() & ~facts.pairs["holdout"]].sort_values("rank")
            for row in ranked.drop_duplicates("account_id").head(BEST).to_dict("records"):
                rows.append(
                    (_name(row), str(row["division"]), self._share(float(row["p_icp"])),
                     self._money(float(row["expected_value"])))
                )  # fmt: skip
            heads = self.words.pair_heads
        if not rows:
            return _Listing()
        return _Listing(tuple(rows), heads, self.words.best.format(n=len(rows)))

    def _password(self, facts: MailFacts) -> str:
        return f"{self.words.password} {self.words.locked}" if facts.protected else ""

    def _counted(self, pair: tuple[str, str], n: int) -> str:
        return pair[n != 1].format(n=self._number(n))

    def _number(self, value: float, form: str = "#,##0") -> str:
        from babel.numbers import format_decimal

        return format_decimal(value, form, self.locale)

    def _share(self, value: float) -> str:
        from babel.numbers import format_percent

        return format_percent(value, locale=self.locale)

    def _money(self, value: float) -> str:
        # The settings have a sign and no code, so that the language says only where it stands.
        if math.isnan(value):
            return "–"
        first = self.locale.currency_formats["standard"].pattern.startswith("¤")
        amount = self._number(round(value))
        return f"{self.currency}{amount}" if first else f"{amount}\u00a0{self.currency}".rstrip()

    def _day(self, day: date) -> str:
        from babel.dates import format_date

        return format_date(day, "long", self.locale)


def _accounts(facts: MailFacts) -> int:
    frames = [frame["account_id"] for frame in (facts.scored, facts.pairs) if frame is not None]
    return int(pd.concat(frames).nunique()) if frames else 0


def _to_work(pairs: pd.DataFrame) -> pd.DataFrame:
    chosen: pd.DataFrame = pairs[pairs["selected"].to_numpy(dtype=bool) & ~pairs["holdout"].to_numpy(dtype=bool)]
    return chosen


def _name(row: Mapping[Any, Any]) -> str:
    name = row.get("account_name")
    return " ".join(str(row["account_id"] if name is None or pd.isna(name) else name).split())


def _paragraph(block: str, values: Mapping[str, str]) -> str:
    lines = escape(block.strip("\n"), quote=False).split("\n")
    safe = {name: escape(value).replace("\n", "<br>") for name, value in values.items()}
    made = [Template(line).substitute(safe) for line in lines]
    return f"<p>{'<br>'.join(line for line in made if line)}</p>"


def _read_template(text: str) -> tuple[str, Sequence[str]]:
    """The subject, and the paragraphs.

    Raises:
        ConfigError: all that is wrong with it.
    """
    plain = text.replace("\r\n", "\n").lstrip("\ufeff\n ")
    first, _, body = plain.partition("\n")
    faults = []
    if not first.startswith(_SUBJECT) or not first.removeprefix(_SUBJECT).strip():
        faults.append(Fault("the first line gives no subject", where="line 1", got=first[:60], allowed="Subject: …"))
    if not body.strip():
        faults.append(Fault("there is no text below the subject"))
    for number, line in enumerate(plain.split("\n"), 1):
        template = Template(line)
        if not template.is_valid():
            faults.append(
                Fault("a $ stands before no name", where=f"line {number}", got=line[:60], allowed="$$ for a $")
            )
            continue
        unknown = [name for name in template.get_identifiers() if name not in PLACEHOLDERS]
        faults += [
            Fault("there is no such figure", where=f"line {number}", got=f"${name}", allowed=", ".join(PLACEHOLDERS))
            for name in unknown
        ]
    if faults:
        raise ConfigError("the template of the messages cannot be used", where="share.mail.template", faults=faults)
    blocks = [block for block in body.split("\n\n") if block.strip()]
    return first.removeprefix(_SUBJECT).strip(), blocks
