"""Every file below the output folder, declared once: its name, what it holds, who writes it and who reads it.

Nothing else spells such a name. A file is loaded through its declaration, so that a damaged or torn one is one clear
error that names the file and the remedy, whatever its format. ``docs/reference/artifacts.md`` is made of this list.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from icp_xl.errors import DataError, DeliveryError
from icp_xl.safe_paths import is_plain_name

if TYPE_CHECKING:
    import pandas as pd


class Staged(Protocol):
    """Files of a run: as staged by it, else as an earlier run published them."""

    def find(self, name: str) -> Path:
        """Where the file ``name`` is to be read."""


#: The output folder, a run's outputs, or what gives the place of a file by its name.
Where = Path | Staged | Callable[[str], Path]
_FORMATS = {".parquet": "Parquet", ".csv": "CSV", ".json": "JSON", ".jsonl": "JSON lines", ".xlsx": "workbook",
            ".yaml": "YAML", ".txt": "LightGBM model text", ".sqlite": "SQLite", ".journal": "Optuna journal",
            ".pdf": "PDF", ".html": "HTML"}  # fmt: skip
#: How the parts of a name are written, and read back.
_PARTS = {"cutoff": r"\d{4}-\d{2}-\d{2}", "day": r"\d{4}-\d{2}-\d{2}"}


class DamagedFileError(DataError):
    """A file below the output folder is torn, damaged, or not of the form in which it was written."""


@dataclass(frozen=True)
class Artifact:
    """One kind of file.

    Attributes:
        name: below the output folder, with forward slashes; ``{…}`` stands for what differs from file to file.
        what: it holds, and for a table what a row is.
        written_by: commands that write it.
        read_by: commands and others that read it back; none where it is for people only.
        columns: those of a table that its readers cannot do without.
        texts: columns of a CSV that are text even where they look like numbers.
        version: of its form, where the file itself says it; 0 where it does not.
    """

    name: str
    what: str
    written_by: tuple[str, ...]
    read_by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    version: int = 0

    @property
    def format(self) -> str:
        """The format, in words."""
        return _FORMATS.get(PurePosixPath(self.name).suffix, "folder")

    @property
    def pattern(self) -> str:
        """The name with ``*`` for what differs from file to file, as ``Path.glob`` takes it."""
        return re.sub(r"\{\w+\}", "*", self.name)

    @property
    def folder(self) -> str:
        """The folder that it lies in or below, directly in the output folder; empty where it lies there itself."""
        first, *rest = PurePosixPath(self.name).parts
        return first if rest else ""

    def path(self, **parts: object) -> str:
        """The name of one file; dates among ``parts`` are written as 2024-06-30.

        >>> FEATURES.path(division="printers", cutoff=date(2024, 6, 30))
        'curated/features/features_printers_2024-06-30.parquet'

        Raises:
            DeliveryError: a part is no plain name, and would lead elsewhere.
        """
        shown = {k: f"{v:%Y-%m-%d}" if isinstance(v, date) else str(v) for k, v in parts.items()}
        for text in shown.values():
            if not is_plain_name(text):
                raise DeliveryError("a part of a file's name would lead elsewhere", where=self.name, got=text[:80])
        return self.name.format(**shown)

    def match(self, name: str) -> dict[str, str] | None:
        """The parts of the file ``name``, or ``None`` where it is none of these.

        >>> TRAIN_SCORES.match("models/artifacts/train_scores_data_management_2024-06-30.csv")
        {'division': 'data_management', 'cutoff': '2024-06-30'}
        """
        pieces = re.split(r"\{(\w+)\}", self.name)
        form = "".join(
            f"(?P<{piece}>{_PARTS.get(piece, '[^/]+')})" if i % 2 else re.escape(piece)
            for i, piece in enumerate(pieces)
        )
        found = re.fullmatch(form, name)
        return found.groupdict() if found else None

    def find(self, where: Where, **parts: object) -> Path:
        """Where one file lies, whether it is there or not."""
        name = self.path(**parts)
        if isinstance(where, Path):
            return where / name
        return where(name) if callable(where) else where.find(name)

    def exists(self, where: Where, **parts: object) -> bool:
        """Whether there is such a file."""
        return self.find(where, **parts).is_file()

    def load(self, where: Where, columns: Sequence[str] | None = None, **parts: object) -> Any:
        """One file: a DataFrame of Parquet or CSV, the body of JSON.

        Args:
            where: the output folder, a run's outputs, or what finds a file by its name.
            columns: only these of a Parquet file; those that are not there are a fault.
            parts: of the file's name.

        Raises:
            DamagedFileError: it is not there, torn, or lacks columns; the text names the file and what to do.
        """
        return self.read(self.find(where, **parts), columns)

    def read(self, path: Path, columns: Sequence[str] | None = None) -> Any:
        """The file at ``path``; see :meth:`load`."""
        try:
            if path.exists() and not path.is_file():
                # A pipe would be waited for, a device read for ever.
                raise ValueError("no file")
            body = _READERS[path.suffix](path, self.texts, columns)
        except FileNotFoundError:
            raise self.damaged(path, "it is not there") from None
        except (RecursionError, UnicodeDecodeError, ValueError, OSError, KeyError, TypeError) as error:
            raise self.damaged(path, _short(error)) from None
        wanted = self.columns if columns is None else columns
        lacking = [name for name in wanted if hasattr(body, "columns") and name not in body.columns]
        if lacking:
            raise self.damaged(path, f"without the columns {', '.join(lacking)}")
        return body

    def damaged(self, path: Path, got: str) -> DamagedFileError:
        """The error that says so."""
        return DamagedFileError(
            "a file that an earlier run wrote is damaged or not of its form",
            where=path.name,
            got=got,
            next_step=f"Delete {path.name} and run `icp-xl {self.written_by[0]}` again with the same --out.",
        )


def _short(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON from line {error.lineno}, column {error.colno} on"
    if isinstance(error, RecursionError):
        return "JSON that is nested too deeply"
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:120]


def _parquet(path: Path, _: Sequence[str], columns: Sequence[str] | None) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        # One file is no data set, and most are small: what looks for others, and threads, cost more than the reading.
        with ParquetFile(path) as file:
            table = file.read(None if columns is None else list(columns), use_threads=False)
        frame: pd.DataFrame = table.to_pandas(use_threads=False)
        return frame
    except pa.ArrowException as error:
        raise ValueError(_short(error)) from None


def _csv(path: Path, texts: Sequence[str], columns: Sequence[str] | None) -> pd.DataFrame:
    import pandas as pd

    data = path.read_bytes()
    if b"\0" in data or not data.endswith(b"\n"):
        raise ValueError("bytes that no text has" if b"\0" in data else "cut off in its last line")
    wanted = None if columns is None else list(columns)
    names = pd.read_csv(io.BytesIO(data), encoding="utf-8-sig", nrows=0).columns
    # A text is what stands there: an id "NA" is one, and a blank is no number that is missing.
    missing = {name: ["", "nan"] for name in names if name not in texts}
    return pd.read_csv(
        io.BytesIO(data), encoding="utf-8-sig", dtype=dict.fromkeys(texts, "str"), usecols=wanted,
        na_values=missing, keep_default_na=False,
    )  # fmt: skip


def _json(path: Path, _: Sequence[str], __: Sequence[str] | None) -> Any:
    return json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    """A number of JSON; none of ours is infinite or not a number, and none could be written again."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} where a number belongs")
    return value


_READERS: dict[str, Callable[[Path, Sequence[str], Sequence[str] | None], Any]] = {
    ".parquet": _parquet, ".csv": _csv, ".json": _json,
}  # fmt: skip

# fmt: off
# Workbooks that people open.
REPORT = Artifact("icp_report.xlsx", "Scores of all accounts and what stands behind them.", ("score", "run"),
                  ("share", "write-back"))
BUILD_REPORT = Artifact("icp_build.xlsx", "What the build read, mended and left out, and the labels.", ("build", "run"))
MODELS_REPORT = Artifact("icp_models.xlsx", "Each division's model, how good it is, and its reasons.", ("train", "run"))
VALIDATION_REPORT = Artifact("icp_validation.xlsx", "How the models held up after earlier cutoffs.",
                             ("validate", "run"))
WHITESPACE_REPORT = Artifact("icp_whitespace.xlsx", "Who to call next; Status and Not eligible are yours to fill.",
                             ("whitespace", "run"), ("whitespace", "share", "write-back"))
OPTIMIZE_REPORT = Artifact("icp_optimisation.xlsx", "The search for weights, and what they would change.",
                           ("optimize", "run"))
WON_LOST_REPORT = Artifact("icp_won_lost.xlsx", "What won and lost deals have in common.", ("won-lost", "run"))
LEAKAGE_REPORT = Artifact("icp_leakage.xlsx", "Features that may know the future.", ("check",))
LIVE_WORKBOOK = Artifact("live/icp_live.xlsx", "The live workbook, whose formulas follow the weights.",
                         ("score", "live", "run"))
LITE_SCRIPT = Artifact("lite/main.py", "The script for xlwings Lite: functions and scoring without Python.",
                       ("lite", "run"))
LITE_REQUIREMENTS = Artifact("lite/requirements.txt", "What that script needs, for the tab of that name.",
                             ("lite", "run"))
REP_WORKBOOK = Artifact("whitespace_reps/{rep}.xlsx", "One rep's whitespace list.", ("whitespace",), ("whitespace",))

# Scores and weights.
SCORED_CSV = Artifact("icp_scored_accounts.csv", "One row per account, best first.", ("score", "run"))
SCORED_ACCOUNTS = Artifact(
    "state/scored_accounts.parquet", "One row per account: facts, components, score, grade, reasons.",
    ("score", "run"),
    ("live", "lite", "optimize", "validate", "whitespace", "share", "write-back", "worksheet functions"),
    columns=("account_id",),
)
SCORE_MODEL = Artifact("score_model.json", "The score as fitted: knots, scales, weights, industries.",
                       ("score", "run"), ("live", "lite", "optimize", "share", "worksheet functions"), version=2)
INDUSTRY_WEIGHTS = Artifact("industry_weights.json", "One entry per industry: its weight and its evidence.",
                            ("score", "run"), ("share",))
OPTIMIZED_WEIGHTS = Artifact("optimized_weights.json", "Weights of the score that the search recommends.",
                             ("optimize", "run"), ("score",), version=2)
TRIALS = Artifact("optimization_trials.csv", "One row per trial of the search.", ("optimize", "run"))
STUDY = Artifact("state/optimization/{study}.journal", "The search so far, to be taken up again.",
                 ("optimize", "run"), ("optimize",))
GRADE_CHANGES = Artifact("state/grade_moves.parquet", "One row per account whose grade the weights would change.",
                         ("optimize", "run"))
CUSTOMERS = Artifact("state/customers.parquet", "One row per account, as cleaned.", ("score", "run"),
                     ("whitespace",), columns=("account_id",))
TRANSACTIONS = Artifact("state/transactions.parquet", "One row per sales line, as cleaned.", ("score", "run"),
                        ("optimize",))
ASSETS = Artifact("state/assets.parquet", "One row per asset, as cleaned.", ("score", "run"))
OPPORTUNITIES = Artifact("state/opportunities.parquet", "One row per opportunity, as read.", ("score", "run"),
                         ("whitespace",))
STATE_TABLES = {"customers": CUSTOMERS, "transactions": TRANSACTIONS, "assets": ASSETS, "opportunities": OPPORTUNITIES}
SCORE_HISTORY = Artifact("state/history.json", "Earlier scorings that the next one is compared with.",
                         ("score", "run"), ("score", "share"))
SCORED_BEFORE = Artifact("state/history/{run}/scored_accounts.parquet", "One row per account, as scored by that run.",
                         ("score", "run"), ("score", "share"), columns=("account_id",))
MODEL_BEFORE = Artifact("state/history/{run}/score_model.json", "The score as fitted by that run.",
                        ("score", "run"), ("score", "share"), version=2)
FILED_TABLE = Artifact("state/filed/{table}.parquet", "One row per key and day on which its fields changed.",
                       ("score", "history", "run"), ("build", "train", "history"))
FILED_DAYS = Artifact("state/filed/{table}.json", "The days on which that table was filed.",
                      ("score", "history", "run"), ("build", "train", "history"))
USER_CELLS = Artifact("state/kept_cells.json", "Which columns of each report are the reader's to fill.",
                      ("score", "whitespace", "run"), ("write-back",))

# Star schema, labels and features.
CLEANING = Artifact("cleaning_report.csv", "One row per kind of thing found in the log, with its count.",
                    ("build", "run"))
NAME_JOIN = Artifact("name_join_qa.csv", "One row per source and outcome of joining its names, and per unmapped name.",
                     ("build", "run"))
CONTRACTS = Artifact("contract_report.csv", "One row per rule of the data, and how often it was broken.",
                     ("build", "run"))
VIOLATIONS = Artifact("contract_violations.csv", "One row per broken rule and row of the log.", ("build", "run"))
STAR_MANIFEST = Artifact("curated/star/star.json", "Files of the star schema with rows and checksums.",
                         ("build", "run"), ("build", "train", "validate", "whitespace"), version=1)
STAR_TABLE = Artifact("curated/star/{table}.parquet", "A dimension or small fact table of the star schema.",
                      ("build", "run"), ("train", "validate", "whitespace"))
STAR_FACTS = Artifact("curated/star/fact_transactions/tx_year={year}/tx_month={month}/part.parquet",
                      "One row per sales line of that month.", ("build", "run"), ("train", "validate", "whitespace"))
STAGED_LINES = Artifact("curated/staging/sales_lines.parquet", "One row per sales line, before the star schema.",
                        ("build",))
LABELS = Artifact("curated/labels/labels_{division}_{cutoff}.parquet",
                  "One row per account: whether and what it bought within the window after the cutoff.",
                  ("build", "run"), ("train", "validate"), columns=("account_id", "label"))
LABEL_SUMMARY = Artifact("curated/labels/labels_summary.csv", "One row per division and cutoff of `build.cutoffs`.",
                         ("build", "run"))
PREVALENCE = Artifact("curated/labels/prevalence_{division}.csv", "Share of buyers by cutoff of `build.cutoffs`.",
                      ("build", "run"))
CUTOFFS = Artifact("curated/labels/cutoffs_{division}.json", "The cutoffs of a division in `build`, and why.",
                   ("build", "run"))
POSITIVES = Artifact("curated/labels/labels_positive_{division}.csv", "One row per buyer and cutoff.",
                     ("build", "run"))
FEATURES = Artifact("curated/features/features_{division}_{cutoff}.parquet",
                    "One row per account: what was known of it before the cutoff.",
                    ("build", "run"), ("train", "validate", "whitespace"), columns=("account_id",))
FEATURE_CATALOG = Artifact("curated/features/feature_catalog_{division}_{cutoff}.csv",
                           "One row per feature: family, meaning, source.", ("build", "run"), ("train", "validate"))
FEATURE_STATS = Artifact("curated/features/feature_stats_{division}_{cutoff}.json", "Coverage and spread per feature.",
                         ("build", "run"))
BASKET_RULES = Artifact("curated/features/mb_rules_{division}_{cutoff}.csv",
                        "One row per code whose owners buy the division more often.", ("build", "run"),
                        ("whitespace",), texts=("item",))
ALS_COVERAGE = Artifact("curated/features/als_coverage.json", "Share of accounts with a likeness, per cutoff.",
                        ("build", "run"))
ASSETS_SANITY = Artifact("curated/features/assets_sanity.csv", "One row per check of the assets.", ("build", "run"))

# Division models.
SCORES = Artifact("state/icp_scores.parquet", "One row per account and division: calibrated chance to buy.",
                  ("train", "run"), ("whitespace", "worksheet functions"),
                  columns=("account_id", "division", "cutoff_date", "window_months", "p_icp"))
SCORES_CSV = Artifact("icp_scores.csv", "The same, for people.", ("train", "run"))
SCORES_SCHEMA = Artifact("schema_icp_scores.json", "Columns, types and checks of the scores.", ("train", "run"))
EXPLANATIONS = Artifact("state/icp_explanations.parquet", "One row per account, division and reason.",
                        ("train", "run"), ("whitespace",))
CURRENT_MODEL = Artifact("models/{division}/current.json", "Which version of a division's model is in force.",
                         ("train", "run"), ("train",))
MODEL_MANIFEST = Artifact("models/{division}/{version}/manifest.json", "Files of a model with their checksums.",
                          ("train", "run"), ("train",), version=2)
MODEL_BODY = Artifact("models/{division}/{version}/model.json", "A division's model, without its trees.",
                      ("train", "run"), ("train",))
MODEL_TREES = Artifact("models/{division}/{version}/trees_{part}.txt", "The trees of a model.",
                       ("train", "run"), ("train",))
METRICS = Artifact("models/artifacts/metrics_{division}.json", "All that was measured of a model.", ("train", "run"))
METRICS_SUMMARY = Artifact("models/artifacts/metrics_summary.csv", "One row per division.", ("train", "run"))
FIRST_PURCHASES = Artifact("models/artifacts/first_purchases.csv",
                           "Who bought a division for the first time: one row per order.", ("train", "run"))
GAINS = Artifact("models/artifacts/gains_{division}.csv", "One row per tenth of the accounts.", ("train", "run"))
CALIBRATION = Artifact("models/artifacts/calibration_{division}.csv", "One row per bin of probability.",
                       ("train", "run"))
THRESHOLDS = Artifact("models/artifacts/thresholds_{division}.csv", "One row per share of the accounts.",
                      ("train", "run"))
MODEL_CARD = Artifact("models/artifacts/model_card_{division}.json", "What one must know before using the model.",
                      ("train", "run"))
COEFFICIENTS = Artifact("models/artifacts/coef_{division}.csv", "One row per feature of the linear model.",
                        ("train", "run"))
TRAIN_SCORES = Artifact("models/artifacts/train_scores_{division}_{cutoff}.csv",
                        "One row per account of the latest judged cutoff: out-of-time probability and outcome.",
                        ("train", "run"), ("whitespace",), columns=("account_id", "label", "p_hat"),
                        texts=("account_id",))
FEATURE_SAMPLE = Artifact("models/artifacts/train_feature_sample_{division}_{cutoff}.parquet",
                          "A sample of the rows that the model learned from.", ("train", "run"), ("validate",))
SHAP_GLOBAL = Artifact("models/artifacts/shap_global_{division}.csv", "One row per feature: its mean contribution.",
                       ("train", "run"))
SHAP_SAMPLE = Artifact("models/artifacts/shap_sample_{division}.csv", "One row per account of a sample.",
                       ("train", "run"))

# Validation.
LEAKAGE_CSV = Artifact("leakage_report.csv", "One row per feature and leakage check.", ("check",))
LEAKAGE_JSON = Artifact("leakage_report.json", "The same, for programs.", ("check",))
LEAKY_FEATURES = Artifact("state/leaky_features.json", "Features that training leaves out.", ("check",),
                          ("train", "validate"))
VALIDATION_SUMMARY = Artifact("validation/metrics_summary.csv", "One row per division and cutoff.",
                              ("validate", "run"))
DRIFT_SNAPSHOTS = Artifact("validation/drift_snapshots.csv", "One row per division, cutoff and feature.",
                           ("validate", "run"))
VALIDATION_FRAME = Artifact("validation/{division}/{cutoff}/validation_frame.parquet",
                            "One row per account: probability and outcome.", ("validate", "run"), ("demo",))
VALIDATION_GAINS = Artifact("validation/{division}/{cutoff}/gains.csv", "One row per tenth.", ("validate", "run"))
VALIDATION_CALIBRATION = Artifact("validation/{division}/{cutoff}/calibration.csv", "One row per bin.",
                                  ("validate", "run"))
SCENARIOS = Artifact("validation/{division}/{cutoff}/topk_scenarios.csv", "One row per capacity and segment.",
                     ("validate", "run"))
SCENARIOS_SORTED = Artifact("validation/{division}/{cutoff}/topk_scenarios_sorted.csv", "The same, best first.",
                            ("validate", "run"))
SEGMENT_PERFORMANCE = Artifact("validation/{division}/{cutoff}/segment_performance.csv", "One row per segment.",
                               ("validate", "run"))
DRIFT = Artifact("validation/{division}/{cutoff}/drift.json", "How features and scores moved.", ("validate", "run"))
ALERTS = Artifact("validation/{division}/{cutoff}/alerts.json", "What needs a look.", ("validate", "run"))
VALIDATION_METRICS = Artifact("validation/{division}/{cutoff}/metrics.json", "All that was measured.",
                              ("validate", "run"), ("demo",))

# Whitespace.
WHITESPACE = Artifact("state/whitespace.parquet", "One row per account and division, ranked ones first.",
                      ("whitespace", "run"), ("whitespace", "share", "worksheet functions"),
                      columns=("account_id", "division", "selected"))
WHITESPACE_STATES = Artifact("state/whitespace_states.parquet",
                             "One row per pair: what people said of it and since when it stands in the list.",
                             ("whitespace", "run"), ("whitespace",), columns=("account_id", "division"))
WHITESPACE_SEEN = Artifact("state/whitespace_seen.parquet", "One row per pair and copy: what stood there before.",
                           ("whitespace", "run"), ("whitespace",), columns=("source", "account_id", "division"))
WHITESPACE_LIST = Artifact("whitespace_{cutoff}.csv", "One row per account and division, ranked ones first.",
                           ("whitespace", "run"), ("measure",), texts=("account_id",))
WHITESPACE_SHARD = Artifact("whitespace_{cutoff}/part-{number}.parquet",
                            "One row per account and division, ranked ones first, where memory does not hold the list.",
                            ("whitespace", "run"))
WHITESPACE_EXPLANATIONS = Artifact("whitespace_explanations_{cutoff}.csv",
                                   "One row per ranked pair: signals, parts of the score, reasons.",
                                   ("whitespace", "run"))
WHITESPACE_THRESHOLDS = Artifact("thresholds_whitespace_{cutoff}.csv", "One row per group of the capacity.",
                                 ("whitespace", "run"))
WHITESPACE_METRICS = Artifact("whitespace_metrics_{cutoff}.json", "Figures of the list.", ("whitespace", "run"),
                              ("share",))
WHITESPACE_LOG = Artifact("whitespace_log_{cutoff}.jsonl", "One line per signal, rule, division and warning.",
                          ("whitespace", "run"))
WHITESPACE_REMOVALS = Artifact("whitespace_removals_{cutoff}.csv", "One row per pair that a rule removed.",
                               ("whitespace", "run"))
WHITESPACE_LEGACY = Artifact("whitespace_legacy_{cutoff}.csv", "One row per ranked pair, by the older rule.",
                             ("whitespace",))
WHITESPACE_OVERLAP = Artifact("whitespace_overlap_{cutoff}.json", "How far the older rule agrees.", ("whitespace",))
LISTS_GIVEN = Artifact("state/lists/{day}.parquet",
                       "One row per pair that a day's list named or held out, or of which people spoke.",
                       ("whitespace", "run"), ("measure",),
                       columns=("account_id", "account_name", "division", "rep", "p_icp", "selected", "holdout",
                                "status", "status_on", "cutoff", "window_months"))
WHITESPACE_SCHEMA = Artifact("schema_whitespace.json", "Columns, types and rules of the list.", ("whitespace", "run"))

# Learning from deals.
MEASURE_REPORT = Artifact("icp_did_it_work.xlsx", "What the lists brought, against accounts held out at random.",
                          ("measure", "run"))
MEASURE_HTML = Artifact("icp_did_it_work.html", "The same as one page, for people without Excel.", ("measure", "run"))
WON_LOST_HTML = Artifact("icp_won_lost.html", "Won and lost as one page, for people without Excel.",
                         ("won-lost", "run"))
STORE = Artifact("feedback/history.sqlite", "Snapshots of the pipeline and what became of them.",
                 ("snapshot", "outcomes", "refine", "run"), ("snapshot", "outcomes", "refine", "won-lost"))
OPPORTUNITY_STAGES = Artifact("state/opportunity_stages.parquet", "One row per stage: what it counts as, and why.",
                              ("snapshot", "outcomes", "run"), ("won-lost",),
                              columns=("stage", "outcome", "decided_by"))
PIPELINE_SCORES = Artifact("pipeline_scores.csv", "One row per open opportunity.", ("snapshot", "run"))
OUTCOMES_REVIEW = Artifact("outcomes_review.csv", "One row per opportunity that a person must look at.",
                           ("outcomes", "run"), ("outcomes",))
PIPELINE_WEIGHTS = Artifact("pipeline_weights.json", "Weights that score the pipeline.", ("refine", "run"),
                            ("snapshot", "refine"), version=1)
SUGGESTED_WEIGHTS = Artifact("pipeline_weights_suggested_{model}.json", "Weights that were not yet promoted.",
                             ("refine",))

# Copies to send, and the record of runs.
SHARE_MANIFEST = Artifact("share_manifest.json", "One entry per copy: file, reader, rows, checksum.", ("share", "run"),
                          ("share",))
SHARE_MANIFEST_CSV = Artifact("share_manifest.csv", "The same, for people.", ("share", "run"))
MAIL_LOG = Artifact("mail_log.jsonl", "One line per message before it is sent and after: to whom, files, their hashes.",
                    ("share",), ("share",))
REP_CONTACTS = Artifact("rep_contacts.csv", "One row per rep of the samples: his address.", ("demo",), ("share",))
STAGES = Artifact("state/stages.json", "What each stage of the last run depended on and made, as hashes; signed.",
                  ("run", "demo"), ("run", "demo"), version=1)
RECALLED = Artifact(".icp_recall/{key}.json", "What a costly piece of work gave, by a hash of all it depends on.",
                    ("run", "demo"), ("run", "demo"))
RUN_REGISTRY = Artifact("runs/runs.jsonl", "One line per run.", ("run",), ("runs",))
RUN_MANIFEST = Artifact("runs/{run}/manifest.json", "Inputs, rows, figures, warnings and outputs of a run.", ("run",),
                        ("runs", "share"), version=1)
RUN_SETTINGS = Artifact("runs/{run}/config_resolved.yaml", "The settings of a run.", ("run",))
RUN_LOG = Artifact("runs/{run}/logs.jsonl", "One line per event of a run.", ("run",))

# fmt: on
#: All of them, in the order above.
ARTIFACTS = tuple(item for item in list(globals().values()) if isinstance(item, Artifact))
