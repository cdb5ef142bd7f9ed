"""Tables that are written do not show how pandas held their texts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from icp_xl.outputs import text_schema


@pytest.mark.parametrize("rows", [0, 3])
def test_a_file_does_not_tell_how_texts_were_held(tmp_path: Path, rows: int) -> None:
    written = []
    for storage in ("python", "pyarrow"):
        with pd.option_context("mode.string_storage", storage):
            texts = pd.Series(["é", None, "=1"][:rows], dtype="str")
            frame = pd.DataFrame({"text": texts, "number": [1.0, None, 3.0][:rows], "other": [None, "b", 1][:rows]})
            frame["other"] = frame["other"].map(str).astype(object)
        path = tmp_path / f"{storage}.parquet"
        frame.to_parquet(path, index=False, schema=text_schema(frame))
        written.append(path.read_bytes())
    assert written[0] == written[1]
