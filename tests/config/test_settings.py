"""Settings: who wins, and what a fault says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from icp_xl.config import Settings, load_settings, settings_template
from icp_xl.config.loader import parse_override
from icp_xl.errors import ConfigError


def test_each_source_beats_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "icp_xl.yaml"
    path.write_text("scoring:\n  strategic_share: 0.1\n")
    sheet = [("Scoring.Strategic_Share", 0.2, "book.xlsx, ICP Settings, row 2")]
    environ = {"ICP_XL__SCORING__STRATEGIC_SHARE": "0.3"}
    overrides = {"scoring.strategic_share": 0.4}

    def share(**sources: object) -> float:
        return load_settings(**{"environ": {}, **sources}).scoring.strategic_share  # type: ignore[arg-type]

    assert share() == 0.3 == Settings().scoring.strategic_share
    assert share(sheet=sheet) == 0.2
    assert share(config=path, sheet=sheet) == 0.1
    assert share(config=path, sheet=sheet, environ={"ICP_XL__SCORING__STRATEGIC_SHARE": "0.35"}) == 0.35
    assert share(config=path, sheet=sheet, environ=environ, overrides=overrides) == 0.4


def test_all_faults_come_together_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "icp_xl.yaml"
    path.write_text("scoring:\n  weigths:\n    size: 1\n  strategic_share: 7\nrun:\n  seed: x\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environ={"ICP_XL__SCORING__SEGMENT_LARGE": "-1"})
    text = str(caught.value)
    assert text.startswith("4 settings cannot be used")
    for part in (
        "unknown setting scoring.weigths (where: icp_xl.yaml line 3; allowed: did you mean weights?)",
        "scoring.strategic_share: input should be less than or equal to 1 (where: icp_xl.yaml line 4; got: 7)",
        "run.seed",
        "icp_xl.yaml line 6",
        "environment variable ICP_XL__SCORING__SEGMENT_LARGE",
    ):
        assert part in text


def test_a_setting_that_stands_twice_on_a_sheet_is_refused_where_the_values_differ() -> None:
    def rows(second: float) -> list[tuple[str, object, str]]:
        return [("scoring.strategic_share", 0.3, "row 2"), ("scoring.strategic_share", second, "row 9")]

    assert load_settings(sheet=rows(0.3), environ={}).scoring.strategic_share == 0.3
    with pytest.raises(ConfigError, match="stands twice.*row 9.*scoring.strategic_share.*row 2"):
        load_settings(sheet=rows(0.4), environ={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not valid YAML"),
        ("- 1\n- 2\n", "must hold sections"),
        ("run: 3\n", "run"),
        ("build: {cutoffs: [soon]}\n", "must be a date such as 2024-06-30"),
        ("weights: {vertical: 0.4}\n", "did you mean feedback.weights or scoring.weights or whitespace.weights?"),
        ("scoring:\n  weights: {vertical: 0.9}\n", "must sum to 1"),
        ("scoring:\n  size_tiers: [{from_revenue: 5, score: 1}]\n", "must start at from_revenue 0"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings(path, environ={})


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(tmp_path / "none.yaml", environ={})
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(path, environ={})


def test_paths_in_the_file_count_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "icp_xl.yaml"
    path.write_text("paths:\n  data: books\n")
    assert load_settings(path, environ={}).paths.data == tmp_path / "books"


def test_the_template_names_every_setting_and_is_valid(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in settings_template().splitlines()[1:]]
    path = tmp_path / "icp_xl.yaml"
    path.write_text("\n".join(lines))
    assert load_settings(path, environ={}).digest() == Settings().digest()
    assert set(yaml.safe_load("\n".join(lines))) == set(Settings.model_fields)


def test_a_fixed_clock_comes_from_the_usual_variable() -> None:
    assert load_settings(environ={"SOURCE_DATE_EPOCH": "0"}).run.clock is not None
    assert load_settings(environ={}).run.clock is None


def test_the_digest_ignores_where_and_how_fast() -> None:
    base = load_settings(environ={}).digest()
    assert load_settings(environ={}, overrides={"paths.out": "elsewhere", "run.workers": 2}).digest() == base
    assert load_settings(environ={}, overrides={"run.seed": 1}).digest() != base


def test_settings_cannot_be_changed_after_loading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().run.seed = 1  # type: ignore[misc]


def test_an_override_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="section.key=value"):
        parse_override("scoring.weights")


@pytest.mark.parametrize("name", ["ownership", "open_deals", "shadow"])
def test_off_needs_no_quotes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "icp_xl.yaml"
    path.write_text(f"whitespace:\n  {name}: off\n", encoding="utf-8")
    assert getattr(load_settings(path, environ={}).whitespace, name) == "off"
    key, value = parse_override(f"whitespace.{name}=off")
    assert getattr(load_settings(environ={}, overrides={key: value}).whitespace, name) == "off"
