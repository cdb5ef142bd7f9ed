"""Write the star schema as Parquet, month by month, touching only the months that changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.outputs import json_text, text_schema
from icp_xl.progress import Progress
from icp_xl.runs import file_digest
from icp_xl.sql import star as sql
from icp_xl.sql.engine import DuckEngine
from icp_xl.tables.star import FACTS, FOLDER, MANIFEST, SCHEMA, Star, read_manifest

PathOf = Callable[[str], Path]
#: Rows of a row group: small enough that a window's days skip most groups of a month.
ROW_GROUP = 122_880


@dataclass(frozen=True)
class StarTarget:
    """Where the files of a star schema go.

    Attributes:
        place: gives the path to write a named file to; without it the star schema stays in memory.
        folder: where the files of ``previous`` lie.
        previous: the star schema of the build before; months that did not change keep their files.
        staged: Parquet file to write the typed lines to, each with its kind and the reason that leaves it out.
        scratch: folder for what does not fit into memory.
    """

    place: PathOf | None = None
    folder: Path | None = None
    previous: Star | None = None
    staged: Path | None = None
    scratch: Path | None = None


def write_star(
    engine: DuckEngine,
    star: Star,
    months: pd.DataFrame,
    dates: pd.DataFrame,
    cleaning: pd.DataFrame,
    settings: Settings,
    target: StarTarget,
    progress: Progress,
) -> tuple[Star, int, int]:
    """File every month whose content changed, and all small tables.

    Args:
        engine: holds the view ``facts``.
        star: its small tables.
        months: one row per month of the facts with rows, days, revenue and checksum.
        dates: the table of days.
        cleaning: what the manifest says of the log.
        settings: what the manifest says of the build.
        target: where the files go.
        progress: told of each month.

    Returns:
        The star with its files, how many month files are new, and how many stayed.
    """
    place = target.place
    if place is None:
        raise ValueError("there is nowhere to write to")
    before = _files_before(target.previous, target.folder, engine)
    parts: list[dict[str, Any]] = []
    paths: list[Path] = []
    unchanged = 0
    for row in months.to_dict("records"):
        progress.check()
        ym = int(row["ym"])
        name = artifacts.STAR_FACTS.path(year=ym // 100, month=f"{ym % 100:02d}").removeprefix(f"{FOLDER}/")
        entry = {
            "file": name,
            "ym": ym,
            "rows": int(row["n"]),
            "checksum": str(row["checksum"]),
            "first_day": int(row["first_day"]),
            "last_day": int(row["last_day"]),
            "revenue": int(row["revenue_e4"]) / sql.SCALE,
        }
        old = before.get(name)
        if old is not None and old[0] == (entry["rows"], entry["checksum"]):
            unchanged += 1
            paths.append(old[1])
        else:
            paths.append(_write_month(engine, ym, place(f"{FOLDER}/{name}")))
        parts.append(entry)
        progress.advance()
    engine.view_parquet("filed", paths)
    returns = engine.frame(sql.matched_returns("filed"))
    star = replace(star, facts=tuple(paths), returns=returns)
    tables = {
        "dim_customer": star.customers,
        "dim_product": star.products,
        "dim_division": star.divisions,
        "dim_date": dates,
        "fact_assets": star.assets,
        "bridge_returns": returns,
    }
    listed = {}
    for name, frame in tables.items():
        path = place(artifacts.STAR_TABLE.path(table=name))
        frame.to_parquet(path, index=False, compression="zstd", schema=text_schema(frame))
        listed[name] = {
            "file": path.name,
            "rows": len(frame),
            "sha256": file_digest(path),
            "columns": {str(column): str(frame[column].dtype) for column in frame.columns},
        }
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "partitions": parts,
        "tables": listed,
        "fact_columns": _columns(engine),
        "rows": int(sum(part["rows"] for part in parts)),
        "first_day": star.first_day,
        "last_day": star.last_day,
        "observed_until": star.observed_until,
        "has_profit": star.has_profit,
        "checksums_by": _hash_version(),
        "settings": settings.build.model_dump(
            mode="json", include={"sku_map", "duplicates", "fee_skus", "fee_prefixes"}
        ),
        "cleaning": {str(k): int(v) for k, v in zip(cleaning["found"], cleaning["count"], strict=True)},
    }
    if body["settings"].get("sku_map"):
        body["settings"]["sku_map"] = Path(body["settings"]["sku_map"]).name
    place(artifacts.STAR_MANIFEST.name).write_bytes(json_text(body).encode())
    return replace(star, manifest=body), len(parts) - unchanged, unchanged


def sweep(folder: Path) -> int:
    """Remove month files that the manifest no longer lists; return how many. Nothing reads them any more."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return 0
    listed = {part["file"] for part in read_manifest(manifest)["partitions"]}
    stale = [
        file
        for file in sorted((folder / FACTS).rglob("*.parquet"))
        if file.relative_to(folder).as_posix() not in listed
    ]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)


def _files_before(
    previous: Star | None, folder: Path | None, engine: DuckEngine
) -> dict[str, tuple[tuple[int, str], Path]]:
    """Files of the build before whose checksums were made in the same way."""
    if previous is None or folder is None or previous.manifest.get("checksums_by") != _hash_version():
        return {}
    return {
        part["file"]: ((int(part["rows"]), str(part["checksum"])), folder / part["file"])
        for part in previous.manifest["partitions"]
        if (folder / part["file"]).is_file()
    }


def _write_month(engine: DuckEngine, ym: int, path: Path) -> Path:
    engine.write_parquet(sql.filed("facts", ym), path, row_group=ROW_GROUP)
    return path


def _columns(engine: DuckEngine) -> dict[str, str]:
    rows = engine.connection.execute("describe select * from filed").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def _hash_version() -> str:
    import duckdb

    return f"duckdb {duckdb.__version__}"
