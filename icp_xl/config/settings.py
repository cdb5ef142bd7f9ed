"""The whole of the settings: one frozen object, every key optional."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from icp_xl.config.base import WORKBOOK, Section
from icp_xl.config.build import BuildSettings, FeatureSettings, LabelSettings, LeakageSettings
from icp_xl.config.delivery import DeliverySettings
from icp_xl.config.excel import ExcelSettings
from icp_xl.config.feedback import FeedbackSettings
from icp_xl.config.matching import MatchingSettings
from icp_xl.config.models import ModelsSettings
from icp_xl.config.optimize import OptimizeSettings
from icp_xl.config.reports import ReportSettings
from icp_xl.config.scoring import ScoringSettings
from icp_xl.config.share import ShareSettings
from icp_xl.config.sources import SourcesSettings
from icp_xl.config.train import TrainSettings
from icp_xl.config.validation import ValidationSettings
from icp_xl.config.whitespace import WhitespaceSettings


class PathSettings(Section):
    """Where inputs are found and results go. A relative path in a settings file counts from that file."""

    data: Path = Field(Path("."), description="folder that holds the source files")
    out: Path = Field(Path("icp_output"), description="folder that results are written to")

    @property
    def runs(self) -> Path:
        """Run records and the registry."""
        return self.out / "runs"

    @property
    def models(self) -> Path:
        """Division models."""
        return self.out / "models"

    @property
    def state(self) -> Path:
        """Frames that one stage leaves for the next."""
        return self.out / "state"


class RunSettings(Section):
    """How a run behaves."""

    seed: int = Field(20240630, ge=0, lt=2**32, description="seed of everything that is drawn at random")
    workers: int = Field(0, ge=0, le=256, description="worker processes; 0 takes one per core")
    clock: datetime | None = Field(
        None,
        description="fixed time that every output is stamped with; outputs are then the same byte for byte",
    )
    memory_limit_gb: float = Field(4.0, gt=0.0, description="memory that the build may take")


class Settings(Section):
    """All settings of icp_xl."""

    paths: PathSettings = PathSettings()
    run: RunSettings = RunSettings()
    sources: SourcesSettings = SourcesSettings()
    columns: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="per source, our column name to the file's header or to an expression that begins with =",
        json_schema_extra=WORKBOOK,
    )
    matching: MatchingSettings = MatchingSettings()
    scoring: ScoringSettings = ScoringSettings()
    optimize: OptimizeSettings = OptimizeSettings()
    build: BuildSettings = BuildSettings()
    labels: LabelSettings = LabelSettings()
    features: FeatureSettings = FeatureSettings()
    leakage: LeakageSettings = LeakageSettings()
    train: TrainSettings = TrainSettings()
    models: ModelsSettings = ModelsSettings()
    whitespace: WhitespaceSettings = WhitespaceSettings()
    validation: ValidationSettings = ValidationSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    reports: ReportSettings = ReportSettings()
    delivery: DeliverySettings = DeliverySettings()
    share: ShareSettings = ShareSettings()
    excel: ExcelSettings = ExcelSettings()

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        """The optimiser's bounds against the components; for ``auto`` the specification's four stand for whichever."""
        preset = "equipment" if self.scoring.preset == "auto" else self.scoring.preset
        try:
            self.optimize.check_bounds([item.name for item in self.scoring.declared(preset)])
        except ValueError as error:
            raise ValueError(f"optimize: {error}") from None
        return self

    def digest(self) -> str:
        """SHA-256 of everything that can change a number; where files lie and how many workers do not."""
        body = self.model_dump(mode="json", exclude={"paths": True, "run": {"clock", "workers"}})
        folders = {str(self.paths.out): "<out>", str(self.paths.data): "<data>"}
        body = _relative(body, folders)
        return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _relative(value: Any, folders: Mapping[str, str]) -> Any:
    """A body of settings with the names of folders in the place of the folders that its paths begin with."""
    if isinstance(value, dict):
        return {key: _relative(each, folders) for key, each in value.items()}
    if isinstance(value, list):
        return [_relative(each, folders) for each in value]
    if isinstance(value, str):
        for folder, name in folders.items():
            if value.startswith((folder + "/", folder + "\\")):
                return name + value[len(folder) :].replace("\\", "/")
    return value
