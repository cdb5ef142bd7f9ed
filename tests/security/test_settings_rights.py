"""A workbook that came from somebody else sets figures and looks, never paths, engines, targets or commands."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest

from icp_xl.config import Section, Settings, load_settings
from icp_xl.config.base import rights_of
from icp_xl.errors import ConfigError

WHERE = "book.xlsx, sheet ICP Settings, row 2"


def sheet(key: str, value: object) -> Settings:
    return load_settings(environ={}, sheet=[(key, value, WHERE)])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("paths.out", "elsewhere"),
        ("paths.data", "elsewhere"),
        ("build.engine", "spark"),
        ("build.spark", {"spark.driver.extraJavaOptions": "-XX:OnOutOfMemoryError=/bin/sh"}),
        ("build.spark.spark", "x"),
        ("build.transactions", "/etc/passwd"),
        ("optimize.storage", "sqlite:////tmp/any.db"),
        ("Optimize.Storage", "Important.xlsx"),
        ("delivery.after_run.workbook", "Budget.xlsx"),
        ("delivery.after_run", {"workbook": "Budget.xlsx"}),
        ("share.allow", ["path"]),
        ("share.with_run", True),
        ("whitespace.status_books", [r"\\\\server\\share\\book.xlsx"]),
        ("sources.sales.file", r"\\\\server\\share\\log.xlsx"),
        ("sources.sales.joins", [{"key": "Id", "file": "/etc/hosts"}]),
        ("sources.sales", {"file": "other.xlsx"}),
        ("sources", {"sales": {"file": "other.xlsx"}}),
        ("excel.sales_workbook", r"\\\\server\\share\\log.xlsx"),
        ("excel.sales_workbook", "../log.xlsx"),
        ("feedback.store", "any.sqlite"),
        ("feedback.salesforce", {"enabled": True}),
        ("run.memory_limit_gb", 1e6),
    ],
)
def test_what_a_workbook_may_not_set_is_refused_with_where_it_may_be_set(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"row 2; allowed: .*icp_xl\.yaml"):
        sheet(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scoring.strategic_share", 0.1),
        ("scoring.size_tiers", [{"from_revenue": 0, "score": 0.5}]),
        ("matching.accept", 0.9),
        ("reports.title", "Ours"),
        ("columns.sales.revenue", "= [Qty] * [Price]"),
        ("sources.sales.dates", "day first"),
        ("sources.sales.joins", [{"key": "Id", "sheet": "Items"}]),
        ("excel.sales_workbook", "Log 2026.xlsx"),
        ("whitespace.per_rep", 10),
    ],
)
def test_what_a_workbook_may_set_it_sets(key: str, value: object) -> None:
    assert sheet(key, value) != Settings()


def settings_of(section: type[Section], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], typing.Any]]:
    found: list[tuple[tuple[str, ...], typing.Any]] = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            found += settings_of(inner, (*above, name))
        else:
            found.append(((*above, name), inner))
    return found


def test_no_setting_that_holds_a_path_is_open_to_workbooks() -> None:
    def holds_path(annotation: typing.Any) -> bool:
        return annotation is Path or any(holds_path(part) for part in typing.get_args(annotation))

    paths = [key for key, annotation in settings_of(Settings) if holds_path(annotation)]
    assert len(paths) > 5 and [key for key in paths if rights_of(Settings, key) != "site"] == []


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\n",
        "scoring: " + "[" * 3000,
        "build: {cutoffs: [2024-02-30]}",
        "build: {as_of: 2024-13-01}",
        "run: {seed: " + "9" * 6000 + "}",
        "a: " + "x" * 2_000_000,
        "!!python/object/apply:os.system [id]",
    ],
)
def test_a_settings_file_that_is_a_bomb_or_no_value_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "icp_xl.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_settings(path, environ={})


@pytest.mark.parametrize("text", ["2024-02-30", "[2024-02-30]", "&a [*a, *a]", "[" * 500])
def test_a_value_that_is_a_bomb_or_no_value_is_one_clear_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"build\.as_of"):
        load_settings(environ={"ICP_XL__BUILD__AS_OF": text})


@pytest.mark.parametrize(
    "text", ["^(a+)+$((", "^(a+)+$", "(a*)*", "((x{2,})){3}", "(?=a)b", r"(a)\\1", "x" * 300, "[", "(" * 150]
)
def test_a_pattern_that_is_none_or_takes_for_ever_is_refused(text: str) -> None:
    for key in ("build.cancellation_pattern", "leakage.name_pattern"):
        with pytest.raises(ConfigError, match=key):
            load_settings(environ={}, overrides={key: text})


@pytest.mark.parametrize("text", ["^[Cc][0-9]", "(label|target)", "^C-?[0-9]{4,}$", "(?:a|b)+", "(?i)storno"])
def test_an_ordinary_pattern_is_taken(text: str) -> None:
    assert load_settings(environ={}, overrides={"build.cancellation_pattern": text}).build.cancellation_pattern == text
