"""Features of a cutoff that were filed of the same lines and tables before are not made again: their files stand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import pandas as pd

from icp_xl.config import Settings
from icp_xl.features.build import build_feature_sets
from icp_xl.features.files import names_of, read_features, read_frame, write_features
from icp_xl.features.model import FeatureSet
from icp_xl.outputs import Publication
from icp_xl.progress import Progress
from icp_xl.recall import Piece, content_hash
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import to_day

T = TypeVar("T")
#: Of the table of codes, what features are made of; how many lines each has is none of it.
_PRODUCTS = ["sku_key", "fold", "sku", "product", "division", "category"]


@dataclass(frozen=True)
class Filed:
    """One feature set, and how to come by it."""

    division: str
    slug: str
    cutoff: date
    load: Callable[[], FeatureSet]
    frame: Callable[[], pd.DataFrame]


def recall_feature_sets(
    outputs: Publication,
    star: Star,
    divisions: Sequence[str],
    cutoffs: Sequence[date],
    settings: Settings,
    *,
    engine: Engine,
    progress: Progress,
    today: date | None = None,
    stage: bool = True,
) -> Iterator[Filed]:
    """:func:`~icp_xl.features.build.build_feature_sets`, of which only the cutoffs are done that were not filed before.

    Args:
        outputs: where the sets are filed, and lie.
        star: the star schema.
        divisions: names of divisions.
        cutoffs: the days before which everything must lie.
        settings: families and windows of the features.
        engine: where the SQL runs.
        progress: told of what is being done.
        today: the cutoff that is today, at which the customers and assets tables are known as they stand.
        stage: file the sets; else they are only read where they are filed.
    """
    wanted = sorted(set(cutoffs))
    common = _common(star, divisions, settings)
    inputs = {day: content_hash(_inputs(star, day, settings, day == today, common)) for day in wanted}
    filed = {day: _filed(outputs, Piece("features", partial(_same, inputs[day])).find(), stage) for day in wanted}
    held: dict[date, Any] = {
        day: NotImplemented if stage or filed[day] else _held(inputs[day]).find() for day in wanted
    }
    missing = [day for day in wanted if filed[day] is None and held[day] is NotImplemented]
    built = iter(
        build_feature_sets(star, divisions, missing, settings, engine=engine, progress=progress, today=today)
        if missing else ()
    )  # fmt: skip
    for day in wanted:
        if (names := filed[day]) is not None:
            for division, slug in names:
                yield Filed(
                    division, slug, day, partial(read_features, outputs, slug, day),
                    partial(read_frame, outputs, slug, day),
                )  # fmt: skip
            continue
        if held[day] is not NotImplemented:
            for known in held[day]:
                yield _at_hand(known)
            continue
        made: list[Any] = []
        for new in islice(built, len(divisions)):
            if stage:
                write_features(outputs, new)
                digests = {name: _digest(outputs.find(name).read_bytes()) for name in names_of(new.slug, day)}
                made.append((new.division, new.slug, digests))
            else:
                made.append(replace(new, stats={}, rules=new.rules.iloc[:0]))
            yield _at_hand(new)
        (Piece("features", partial(_same, inputs[day])) if stage else _held(inputs[day])).keep(made)


def _held(inputs: str) -> Piece:
    """Sets that are not filed, as they are; nobody asks for their statistics and rules."""
    return Piece("feature sets", partial(_same, inputs), (FeatureSet,))


def _at_hand(known: FeatureSet) -> Filed:
    return Filed(known.division, known.slug, known.cutoff, partial(_same, known), partial(_same, known.frame))


def _same(found: T) -> T:
    return found


def _filed(
    outputs: Publication, made: Sequence[tuple[str, str, Mapping[str, str]]], stage: bool
) -> list[tuple[str, str]] | None:
    """Divisions and slugs of the sets, whose files are staged; ``None`` where one is not as it was filed."""
    if made is NotImplemented:
        return None
    staged = set(outputs.names)
    contents = {}
    for _, _, digests in made:
        for name, digest in digests.items():
            try:
                contents[name] = outputs.find(name).read_bytes()
            except OSError:
                return None
            if _digest(contents[name]) != digest:
                return None
    for name, content in contents.items() if stage else ():
        if name not in staged:
            outputs.path(name).write_bytes(content)
    return [(division, slug) for division, slug, _ in made]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _common(star: Star, divisions: Sequence[str], settings: Settings) -> str:
    """Hash of what the features of every cutoff depend on, apart from the lines."""
    chosen = settings.build, settings.features, settings.labels.target_skus, settings.scoring, settings.run.seed
    tables = star.customers, star.products[_PRODUCTS], star.divisions, star.assets
    return content_hash((divisions, chosen, tables, star.first_day, star.manifest.get("checksums_by")))


def _inputs(star: Star, cutoff: date, settings: Settings, today: bool, common: str) -> tuple[Any, ...]:
    """What the features of one cutoff depend on: months of the log before it, and tables as they were filed by it."""
    # Printers are rolled back by what was sold since: then all that the log holds counts.
    end = star.observed_until if "printers" in settings.features.stable_fields else to_day(cutoff)
    if isinstance(star.facts, pd.DataFrame):
        lines: Any = star.facts[star.facts["day"] < end]
    else:
        lines = [part for part in star.manifest["partitions"] if part["first_day"] < end]
    # What the settings call stable is known as it was first filed, before the cutoff or after it.
    known = [
        (name, each.filed_by(cutoff), each.as_of(cutoff), each.first()) for name, each in sorted(star.filed.items())
    ]
    rolled_back = end if end != to_day(cutoff) else 0
    return cutoff, today, lines, known, rolled_back, common
