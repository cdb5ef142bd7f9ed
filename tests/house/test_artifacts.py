"""Files below the output folder: spelt once, loaded in one way, and one clear error where one is damaged."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icp_xl
from icp_xl import artifacts
from icp_xl.artifacts import ARTIFACTS, Artifact, DamagedFileError

PACKAGE = Path(icp_xl.__file__).parent
NAMES = {Path(item.name).name for item in ARTIFACTS if "{" not in Path(item.name).name}
FOLDERS = {item.name.partition("/")[0] for item in ARTIFACTS if "/" in item.name}
#: A file in one of the folders, or the name of one.
SPELT = re.compile(
    rf"(?:^|/)(?:{'|'.join(sorted(FOLDERS))})/[\w{{]"
    rf"|(?:^|[\s/])(?:{'|'.join(map(re.escape, sorted(NAMES)))})(?:$|[\s.,;])"
)


def texts(path: Path) -> list[tuple[int, str]]:
    """String constants of a module, those of docstrings aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body and isinstance(node.body[0], ast.Expr)
    }  # fmt: skip
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs
    ]


def test_nothing_else_spells_the_name_of_a_file() -> None:
    spelt = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name == "artifacts.py":
            continue
        for line, text in texts(path):
            if SPELT.search(text):
                spelt.append(f"{name}:{line} {text!r}")
    assert not spelt, "\n".join(spelt)


def test_names_are_declared_once_and_found_again() -> None:
    assert len({item.name for item in ARTIFACTS}) == len(ARTIFACTS) > 90
    for item in ARTIFACTS:
        parts = {
            name: "2024-06-30" if name in ("cutoff", "day") else "a_b" for name in re.findall(r"\{(\w+)\}", item.name)
        }
        assert item.match(item.path(**parts)) == parts
        owners = [other.name for other in ARTIFACTS if other.match(item.path(**parts)) is not None]
        assert owners == [item.name] or any("{" in name for name in owners), owners


def write(item: Artifact, out: Path) -> Path:
    path = item.find(out, **dict.fromkeys(re.findall(r"\{(\w+)\}", item.name), "2024-06-30"))
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({name: ["a", "b"] for name in item.columns or ("account_id",)})
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False, encoding="utf-8-sig")
    else:
        path.write_text(json.dumps({"schema": 1, "body": list(range(50))}), encoding="utf-8")
    return path


LOADED = [item for item in ARTIFACTS if Path(item.name).suffix in (".parquet", ".csv", ".json")]


@pytest.mark.parametrize("item", LOADED, ids=lambda item: item.name)
def test_a_damaged_file_is_one_clear_error(item: Artifact, tmp_path: Path) -> None:
    path = write(item, tmp_path)
    item.read(path)
    whole = path.read_bytes()
    wrong = {
        "torn": whole[: len(whole) // 2] , "binary": b"\xff\xfe\x00\x9d" * 40,
        "deep": b"[" * 100_000 if path.suffix == ".json" else b"PAR1" + b"\0" * 40,
    }  # fmt: skip
    for how, content in wrong.items():
        path.write_bytes(content)
        with pytest.raises(DamagedFileError) as caught:
            item.read(path)
        text = str(caught.value)
        assert path.name in text and f"icp-xl {item.written_by[0]}" in text and "Delete" in text, how


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 4000), by=st.integers(1, 255), cut=st.integers(0, 4000))
def test_no_damage_to_a_table_is_a_traceback(
    at: int, by: int, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(artifacts.SCORES, tmp_path_factory.mktemp("out"))
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= by
    path.write_bytes(bytes(data[: len(data) - cut % 7 * 50]))
    try:
        artifacts.SCORES.read(path)
    except DamagedFileError as error:
        assert path.name in str(error)


def test_columns_that_readers_need_are_asked_for(tmp_path: Path) -> None:
    path = artifacts.WHITESPACE.find(tmp_path)
    path.parent.mkdir()
    pd.DataFrame({"account_id": ["a"], "division": ["d"]}).to_parquet(path)
    with pytest.raises(DamagedFileError, match="selected"):
        artifacts.WHITESPACE.load(tmp_path)
    assert artifacts.WHITESPACE.read(path, columns=["division"]).columns.tolist() == ["division"]
    with pytest.raises(DamagedFileError, match="without the columns score"):
        artifacts.WHITESPACE.read(path, columns=["division", "score"])


def test_every_file_has_its_line_in_the_documentation() -> None:
    page = (PACKAGE.parent / "docs/reference/artifacts.md").read_text(encoding="utf-8")
    assert not [item.name for item in ARTIFACTS if f"| `{item.name}` |" not in page]
