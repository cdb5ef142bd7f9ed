"""The star schema as the later stages see it: where its files lie, what they hold, and which days they cover."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.errors import DataError
from icp_xl.safe_paths import DEVICES, resolve_inside
from icp_xl.sql.engine import Engine, open_duckdb
from icp_xl.sql.spark import open_spark
from icp_xl.tables.dated import TableHistory
from icp_xl.tables.star_calendar import from_day

#: Folder of the star schema below the output folder, and the file that lists what belongs to it.
FOLDER, _, MANIFEST = artifacts.STAR_MANIFEST.name.rpartition("/")
SCHEMA = artifacts.STAR_MANIFEST.version
FEE_DIVISION = "(fee)"
_VALIDITY = ("valid_from", "valid_to")
#: Name under which every engine knows the facts.
FACTS = "fact_transactions"


@dataclass(frozen=True)
class Star:
    """A star schema, on disk or in memory.

    ``facts`` is a list of Parquet files, or a frame, of one row per sales line: line_id, account_key, account_id,
    sku_key, sku, division_key, division, moment, day (days since 1970), kind (1 sale, -1 return or cancellation,
    0 fee), quantity, revenue_e4 and gross_profit_e4 (ten-thousandths of the currency, whole numbers), category, rep,
    invoice, region, product. ``customers`` holds one row per account, ``products`` per code, ``divisions`` per division
    (fees aside), ``assets`` per asset, ``returns`` per return line with the sale it belongs to.
    """

    facts: tuple[Path, ...] | pd.DataFrame
    customers: pd.DataFrame
    products: pd.DataFrame
    divisions: pd.DataFrame
    assets: pd.DataFrame
    returns: pd.DataFrame
    first_day: int
    last_day: int
    observed_until: int
    has_profit: bool
    manifest: Mapping[str, Any] = field(default_factory=dict)
    #: What the tables ``customers`` and ``assets`` said when, as far as it was filed.
    filed: Mapping[str, TableHistory] = field(default_factory=dict)

    @property
    def division_names(self) -> list[str]:
        """Divisions of the log and of the map, in alphabetical order."""
        return [str(name) for name in self.divisions["division"]]

    def validity(self, division: str) -> tuple[date | None, date | None]:
        """First day of a division and the day after its last, where the SKU map states them."""
        row = self.divisions[self.divisions["division"] == division]
        if row.empty or "valid_from" not in row:
            return None, None
        first, last = (None if pd.isna(row[name].iloc[0]) else from_day(row[name].iloc[0]) for name in _VALIDITY)
        return first, last

    @property
    def observed_through(self) -> date:
        """The first day that the log does not cover."""
        return from_day(self.observed_until)


@contextmanager
def open_engine(star: Star, settings: Settings, scratch: Path | None = None) -> Iterator[Engine]:
    """The engine of the settings with the facts of ``star`` as the table ``fact_transactions``."""
    if settings.build.engine == "spark":
        with open_spark(settings.build.spark) as spark:
            _attach(spark, star)
            yield spark
        return
    with open_duckdb(settings.run.memory_limit_gb, settings.run.workers, scratch) as duck:
        _attach(duck, star)
        yield duck


def _attach(engine: Engine, star: Star) -> None:
    if isinstance(star.facts, pd.DataFrame):
        used = ["account_key", "sku_key", "division_key", "day", "kind", "quantity", "revenue_e4", "gross_profit_e4"]
        engine.view_frame(FACTS, star.facts[used])
    else:
        engine.view_parquet(FACTS, star.facts)


def read_manifest(path: Path) -> dict[str, Any]:
    """What the manifest of a star schema says.

    Raises:
        DataError: it is damaged.
    """
    body = artifacts.STAR_MANIFEST.read(path)
    parts = body.get("partitions") if isinstance(body, dict) else None
    tables = body.get("tables", {}) if isinstance(body, dict) else None
    rows = [*(parts or []), *tables.values()] if isinstance(parts, list) and isinstance(tables, dict) else None
    if (
        not isinstance(body, dict)
        or rows is None
        or not all(isinstance(r, dict) and isinstance(r.get("file"), str) for r in rows)
    ):
        raise artifacts.STAR_MANIFEST.damaged(path, "not the list of files that a build writes")
    return body


def open_star(path: Path) -> Star:
    """Open the star schema that an earlier build wrote.

    Args:
        path: the output folder, or the folder ``curated/star`` itself.

    Raises:
        DataError: there is none, a file is missing, or another version of the package wrote it.
    """
    folder = path if (path / MANIFEST).is_file() else path / FOLDER
    if not (folder / MANIFEST).is_file():
        raise DataError(
            "there is no star schema here", where=str(path), next_step="Run `icp-xl build` with the same --out first."
        )
    body = read_manifest(folder / MANIFEST)
    if body.get("schema") != SCHEMA:
        raise DataError(
            "the star schema was written by another version",
            where=MANIFEST,
            got=body.get("schema"),
            allowed=SCHEMA,
            next_step="Run `icp-xl build --rebuild`.",
        )
    files = tuple(resolve_inside(folder, part["file"]) for part in body["partitions"])
    lost = [str(file.relative_to(folder)) for file in files if not file.is_file()]
    dims = {name: resolve_inside(folder, entry["file"]) for name, entry in body["tables"].items()}
    lost += [file.name for file in dims.values() if not file.is_file()]
    if lost:
        raise DataError(
            "files of the star schema are missing", got=", ".join(lost[:5]), next_step="Run `icp-xl build --rebuild`."
        )
    frames = {name: artifacts.STAR_TABLE.read(file) for name, file in dims.items()}
    return Star(
        facts=files,
        customers=frames["dim_customer"],
        products=frames["dim_product"],
        divisions=frames["dim_division"],
        assets=frames["fact_assets"],
        returns=frames["bridge_returns"],
        first_day=body["first_day"],
        last_day=body["last_day"],
        observed_until=body["observed_until"],
        has_profit=body["has_profit"],
        manifest=body,
    )


def stable_key(text: str) -> int:
    """A positive 62-bit key that hangs on the text alone, so that new rows never move old keys.

    >>> stable_key("acme") == stable_key("acme") > 0
    True
    """
    digest = hashlib.blake2b(text.encode("utf-8", errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 2 or 1


def stable_keys(texts: Sequence[str], what: str) -> list[int]:
    """Keys of distinct texts.

    Raises:
        DataError: two texts share a key (about one chance in 10^9 for 100,000 texts).
    """
    keys = [stable_key(text) for text in texts]
    if len(set(keys)) != len(set(texts)):
        raise DataError("two names have the same key", where=what, next_step="Rename one of them slightly.")
    return keys


def slug(text: str) -> str:
    """A division's name as part of a file's or a column's name.

    >>> slug("3D Printers & More"), slug("Élan"), slug("AUX")
    ('d_3d_printers_more', 'lan', 'd_aux')
    """
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]
    named = plain[:1].isalpha() and not DEVICES.fullmatch(plain)
    return plain if named else f"d_{plain}".rstrip("_")


def unique_slugs(ordered: Sequence[str]) -> list[str]:
    """A slug per name; of names that would share one, the later ones get a number.

    >>> unique_slugs(["A-1", "A.1", "B"])
    ['a_1', 'a_1_2', 'b']
    """
    slugs: list[str] = []
    for name in ordered:
        base, n = slug(name), 1
        while (base if n == 1 else f"{base}_{n}") in slugs:
            n += 1
        slugs.append(base if n == 1 else f"{base}_{n}")
    return slugs
