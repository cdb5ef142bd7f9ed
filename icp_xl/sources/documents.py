"""What columns of document types and states say: a credit memo is no sale but its opposite, a quotation is none yet."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from icp_xl.sources.cells import RawColumn
from icp_xl.sources.headers import words
from icp_xl.sources.typed import type_column

# Parts of words that say so in any of the languages that exports come in, plain (see icp_xl.sources.headers.words).
#: Goods or money that came back. As the state of a sale it leaves nothing of that sale, and is no credit of its own.
_GIVEN_BACK = re.compile(
    r"refund|\breturns?\b|sales return|ruckerstattung|retour|remboursement|reembolso|rimborso|devolucion|devolucao"
    r"|zwrot|возврат|iade|chargeback|返品|退货|退款|反品"
)
#: A paper that takes back what another one charged.
_CREDIT_NOTE = re.compile(
    r"credit ?(?:memo|note)|credit invoice|cr memo|\bavoir|note de credit|nota de credito|nota di credito"
    r"|nota credito|credit ?nota|kredit ?not|kreditfaktura|gutschrift|reso\b|korekta|кредит|dobropis|hyvitys|jovair"
    r"|korrektur\b|rectificativ|\babono\b|rettificativ|korygujac|opravny danovy|storno fact|貸方|贷项|赤伝"
)
_NO_SALE = re.compile(
    r"cancel|\bvoid|quotation|\bquotes?\b|\bdraft|proposal|\blost\b|rejected|declined|failed|expired|proforma"
    r"|pro forma"
    r"|on hold|storniert|storno|annul|abgelehnt|angebot|entwurf|offerte|verloren|\bdevis|brouillon|perdu"
    r"|presupuesto|borrador"
    r"|cotizacion|perdid|anulad|preventivo|bozza|\bpersa|orcamento|rascunho|anulowan|oferta|przegran|отмен"
    r"|черновик|iptal|taslak|teklif"
    r"|zrusen|nabidka|avbruten|avbrut|makulerad|peruttu|geannuleerd|vervallen|取消|作废|キャンセル|見積|报价|草稿"
    r"|失注|취소|견적"
)
_SALE = re.compile(
    r"\bwon\b|confirmed|completed?|\bpaid|fulfilled|shipped|invoiced?|posted|delivered|\bdone\b|\bsale|closed$"
    r"|gewonnen|bezahlt"
    r"|gagne|paye|livre|ganad|pagad|vint[ao]|pagat|ganh|wygran|oplacon|выигр|оплач|kazan|odendi|成约|成約|已付"
    r"|完了|受注|수주"
)
_STATE = re.compile(r"status|stage|state|phase|stadium|etat|estado|stato|stav|durum|статус|状态|ステータス|段階|상태")
#: Codes of credit memos and of the invoices beside which they mean that.
_CODES = {"cm": "inv", "cn": "inv", "cr": "inv", "sc": "si", "crn": "inv", "g2": "f2", "re": "f2"}


@dataclass(frozen=True)
class Documents:
    """Values of a column that mark credit memos, and values that mark what is no sale."""

    credits: frozenset[str] = frozenset()
    no_sales: frozenset[str] = frozenset()

    @property
    def matter(self) -> bool:
        """Whether the column has any of them."""
        return bool(self.credits or self.no_sales)


def classify_documents(header: str, values: Collection[str]) -> Documents:
    """What the values of the column under ``header`` say.

    >>> found = classify_documents("Document Type", {"Invoice", "Credit Memo"})
    >>> sorted(found.credits), sorted(classify_documents("Stage", {"Closed Won", "Closed Lost", "Demo"}).no_sales)
    (['Credit Memo'], ['Closed Lost', 'Demo'])
    >>> found = classify_documents("Payment status", {"Paid", "Refunded"})
    >>> sorted(found.credits), sorted(found.no_sales)
    ([], ['Refunded'])
    """
    if not 2 <= len(values) <= 200:
        return Documents()
    plain = {value: _plain(value) for value in values if len(value) <= 40}
    kinds = set(plain.values())
    back = {value for value, text in plain.items() if _GIVEN_BACK.search(text)}
    notes = {value for value, text in plain.items() if _CREDIT_NOTE.search(text) or _CODES.get(text, "?") in kinds}
    credit = notes | back
    bad = {value for value, text in plain.items() if value not in credit and _NO_SALE.search(text)}
    if _STATE.search(_plain(header)):
        credit, bad = credit - back, bad | back
    if bad and _STATE.search(_plain(header)):
        # Of a state, everything counts that is not plainly a sale.
        bad = {value for value, text in plain.items() if value not in credit and not _SALE.search(text)} | bad
        bad -= {value for value in bad - back if not _NO_SALE.search(plain[value]) and not _stage_like(header)}
    elif not _STATE.search(_plain(header)) and not re.search(
        r"type|art\b|kind|document|beleg|tipo|typ", _plain(header)
    ):
        bad = set()
    return Documents(frozenset(credit), frozenset(bad))


def settle_documents(columns: Mapping[str, RawColumn], out: dict[str, pd.Series[Any]], credit_memos: str) -> list[str]:
    """Credit memos that are written positive count negative, in place; remarks on these and on states that are no sale.

    Args:
        columns: raw columns of types and states, by header.
        out: the typed sales lines; revenue, gross profit and quantity change.
        credit_memos: the setting ``sources.sales.credit_memos``.
    """
    remarks = []
    for name, column in columns.items():
        texts = type_column(column, "text").values.astype(object)
        documents = classify_documents(name, set(texts.dropna().unique()))
        if not documents.matter or "revenue" not in out:
            continue
        revenue = out["revenue"]
        credit = texts.isin(documents.credits).to_numpy() & revenue.notna().to_numpy()
        if credit.any() and credit_memos != "as written":
            positive = bool((revenue[credit] >= 0).all()) and float(revenue[credit].sum()) > 0
            if positive or credit_memos == "subtract":
                total = float(revenue[credit].abs().sum())
                for figure in ("revenue", "gross_profit", "quantity"):
                    out[figure] = out[figure].where(~pd.Series(credit), -out[figure].abs())
                remarks.append(
                    f"{int(credit.sum()):,} of {len(credit):,} lines are {', '.join(sorted(documents.credits))} by "
                    f"{name} and count negative, {total:,.2f} in all (else: sources.sales.credit_memos: as written)"
                )
        other = texts.isin(documents.no_sales).to_numpy()
        if other.any():
            said = ", ".join(sorted(documents.no_sales & set(texts[other])))
            remarks.append(
                f"the column {name} holds {said}: {int(other.sum()):,} lines, {float(revenue[other].sum()):,.2f}, are "
                f"counted as sales; to leave them out: sources.sales.where: {{{name}: {{not: [{said}]}}}}"
            )
    return remarks


def _stage_like(header: str) -> bool:
    return bool(re.search(r"stage|phase|stadium|etap|段階", _plain(header)))


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return words(text)
