"""A division's model: what ranks, what calibrates, and what one must know of it. As files it is text and numbers.

A model is a weighted mean of parts on the log-odds scale (linear, trees, a baseline), so its explanation is the
weighted mean of theirs and still adds up. Files: ``model.json`` (everything but trees), ``trees_<i>.txt`` (LightGBM's
text) and ``manifest.json`` with the schema number and the SHA-256 of each. Nothing is ever unpickled.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl import artifacts
from icp_xl.errors import DataError
from icp_xl.outputs import json_text
from icp_xl.propensity.baselines import BaselineModel, baseline_matrix
from icp_xl.propensity.calibration import Calibrator
from icp_xl.propensity.inputs import design_matrix
from icp_xl.propensity.linear import LinearModel
from icp_xl.propensity.tree_trial import are_sound
from icp_xl.propensity.trees import TreeModel
from icp_xl.safe_paths import resolve_inside

Floats = NDArray[np.float64]
Part = LinearModel | TreeModel | BaselineModel

FORMAT = "icp_xl division model"
SCHEMA = artifacts.MODEL_MANIFEST.version
MANIFEST, BODY = (PurePosixPath(item.name).name for item in (artifacts.MODEL_MANIFEST, artifacts.MODEL_BODY))
READY, CARE, NOT_READY = "Ready", "Usable with care", "Not ready"


@dataclass(frozen=True)
class DivisionModel:
    """One division's model. ``parts`` come with their weights (which sum to 1) on the log-odds scale."""

    division: str
    slug: str
    kind: str
    parts: tuple[tuple[float, Part], ...]
    calibrator: Calibrator
    trained_on: tuple[date, ...]
    window_months: int
    verdict: str = NOT_READY
    reasons: tuple[str, ...] = ()
    version: str = ""
    facts: Mapping[str, Any] | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Inputs in order, each once."""
        return tuple(dict.fromkeys(name for _, part in self.parts for name in part.features))

    @property
    def published(self) -> bool:
        """Whether the model's probabilities are given out."""
        return self.verdict in (READY, CARE)

    def log_odds(self, features: pd.DataFrame) -> Floats:
        """Uncalibrated log-odds of each row.

        Raises:
            DataError: a feature that the model needs is missing or no number.
        """
        total = np.zeros(len(features))
        for part, weight, matrix in self._with_matrices(features):
            total += weight * part.log_odds(matrix)
        return total

    def predict(self, features: pd.DataFrame) -> Floats:
        """Calibrated probability of a purchase in the window, strictly between 0 and 1."""
        return self.calibrator.apply(self.log_odds(features))

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """One column per input and ``constant``; a row adds up to its uncalibrated log-odds."""
        names = [*self.features, "constant"]
        place = {name: i for i, name in enumerate(names)}
        total = np.zeros((len(features), len(names)))
        for part, weight, matrix in self._with_matrices(features):
            terms = part.contributions(matrix)
            columns = [place[name] for name in (*part.features, "constant")]
            total[:, columns] += weight * terms
        return pd.DataFrame(total, index=features.index, columns=names)

    def _with_matrices(self, features: pd.DataFrame) -> Iterator[tuple[Part, float, Floats]]:
        """Each part with its weight and the numbers it sees; parts with the same inputs share them."""
        known: dict[tuple[str, ...], Floats] = {}
        for weight, part in self.parts:
            if part.features not in known:
                known[part.features] = matrix_of(part, features)
            yield part, weight, known[part.features]

    def with_verdict(self, verdict: str, reasons: Sequence[str]) -> DivisionModel:
        """The same model under a verdict."""
        return replace(self, verdict=verdict, reasons=tuple(reasons))

    def files(self, key: bytes = b"") -> dict[str, str]:
        """Name to text of every file, signed where there is a ``key``; the same model gives the same bytes."""
        texts: dict[str, str] = {}
        parts = []
        for i, (weight, part) in enumerate(self.parts):
            body = part.to_json() | {"weight": weight}
            if isinstance(part, TreeModel):
                body["trees"] = f"trees_{i}.txt"
                texts[f"trees_{i}.txt"] = part.text
            parts.append(body)
        texts[BODY] = json_text(
            {
                "division": self.division, "slug": self.slug, "kind": self.kind, "parts": parts,
                "calibrator": self.calibrator.to_json(), "trained_on": [day.isoformat() for day in self.trained_on],
                "window_months": self.window_months, "verdict": self.verdict, "reasons": list(self.reasons),
                "version": self.version, "features": list(self.features), "facts": dict(self.facts or {}),
            }
        )  # fmt: skip
        hashes = {name: sha256(text.encode()).hexdigest() for name, text in sorted(texts.items())}
        manifest: dict[str, Any] = {"format": FORMAT, "schema": SCHEMA, "files": hashes}
        if key:
            manifest["signature"] = _signature(hashes, key)
        texts[MANIFEST] = json_text(manifest)
        return texts

    def save(self, folder: Path) -> None:
        """Write every file into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files().items():
            (folder / name).write_bytes(text.encode())

    @classmethod
    def load(cls, folder: Path, key: bytes = b"") -> Self:
        """The model that :meth:`save` wrote; with a ``key``, only one that was signed with it.

        Raises:
            DataError: a file is missing, changed since, foreign, or of a newer version of the package.
        """
        manifest = _read_manifest(folder)
        if key and not hmac.compare_digest(str(manifest.get("signature")), _signature(manifest["files"], key)):
            raise DataError(
                "a model is not signed with the secret of models.key_env", where=f"{folder.parent.name}/{folder.name}",
                next_step="Train again, or find out who wrote it.",
            )  # fmt: skip
        texts = {}
        for name, wanted in manifest["files"].items():
            path = resolve_inside(folder, name)
            content = path.read_bytes() if path.is_file() else b""
            if sha256(content).hexdigest() != wanted:
                raise DataError(
                    "a model file is missing or was changed", where=f"{folder.name}/{name}",
                    next_step="Restore it, go back with `icp-xl train --revert`, or train again.",
                )  # fmt: skip
            texts[name] = content.decode(errors="replace")
        try:
            model = cls._from_texts(texts)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise _damaged(folder, type(error).__name__) from None
        # What was written beside its own hash is not proven by it, so the numbers must make sense as well.
        trees = [(part.text, len(part.features)) for _, part in model.parts if isinstance(part, TreeModel)]
        if not model._is_finite():
            raise _damaged(folder, "a number that is none, or lists of different lengths")
        if not are_sound(trees):
            raise _damaged(folder, "trees that cannot be read")
        return model

    @classmethod
    def _from_texts(cls, texts: Mapping[str, str]) -> Self:
        body = json.loads(texts[BODY], parse_constant=_no_number)
        parts = tuple((float(each["weight"]), _part(each, texts)) for each in body["parts"])
        return cls(
            str(body["division"]), str(body["slug"]), str(body["kind"]), parts,
            Calibrator.from_json(body["calibrator"]), tuple(date.fromisoformat(day) for day in body["trained_on"]),
            int(body["window_months"]), str(body["verdict"]), tuple(body["reasons"]), str(body["version"]),
            dict(body["facts"]),
        )  # fmt: skip

    def _is_finite(self) -> bool:
        """Whether every part but the trees, and the calibrator, gives finite numbers."""
        for weight, part in self.parts:
            if not np.isfinite(weight):
                return False
            if isinstance(part, LinearModel):
                arrays = [value for value in vars(part).values() if isinstance(value, np.ndarray)]
                if any(array.shape != (len(part.features),) for array in arrays):
                    return False
                if not np.isfinite(part.contributions(np.zeros((1, len(part.features))))).all():
                    return False
        chances = self.calibrator.apply(np.array([-30.0, -1.0, 0.0, 1.0, 30.0]))
        return bool(self.parts) and bool(np.isfinite(chances).all())


def _signature(hashes: Mapping[str, str], key: bytes) -> str:
    return hmac.new(key, json_text(dict(hashes)).encode(), sha256).hexdigest()


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _damaged(folder: Path, got: str) -> DataError:
    return DataError(
        "the files of a model do not make sense", where=f"{folder.parent.name}/{folder.name}", got=got,
        next_step="Go back with `icp-xl train --revert`, or train again; somebody may have changed them.",
    )  # fmt: skip


def matrix_of(part: Part, features: pd.DataFrame) -> Floats:
    """The numbers that a part sees.

    Raises:
        DataError: a feature that it needs is missing or no number.
    """
    if isinstance(part, BaselineModel):
        found = baseline_matrix(part.baseline, features)
        if found is None:
            raise DataError("features that the baseline looks at are missing", allowed=", ".join(part.features))
        return found
    return design_matrix(features, part.features)


def _part(body: Mapping[str, Any], texts: Mapping[str, str]) -> Part:
    if body["kind"] == LinearModel.kind:
        return LinearModel.from_json(body)
    if body["kind"] == TreeModel.kind:
        return TreeModel.from_json(body, texts[body["trees"]])
    if body["kind"] == BaselineModel.kind:
        return BaselineModel.from_json(body)
    raise DataError("a model part of an unknown kind", got=str(body["kind"]), next_step="Update icp_xl.")


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("there is no readable model here", where=str(path.name), got=type(error).__name__) from error
    if not isinstance(body, dict) or body.get("format") != FORMAT or not isinstance(body.get("files"), dict):
        raise DataError("this is no division model of icp_xl", where=f"{folder.name}/{MANIFEST}")
    if not isinstance(body.get("schema"), int) or body["schema"] > SCHEMA:
        raise DataError(
            "the model was written by a newer version of icp_xl", where=f"{folder.name}/{MANIFEST}",
            got=body.get("schema"), allowed=f"at most {SCHEMA}", next_step="Update icp_xl, or train again.",
        )  # fmt: skip
    return dict(body)
