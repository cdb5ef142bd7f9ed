"""Parts of a report, a live workbook and a write-back, element by element against what is committed beside this file.

A change that is meant is committed with ``python -m tests.support.golden_parts``.
"""

from __future__ import annotations

import re

import pytest

from tests.support.golden_parts import FOLDER, golden_parts

EXPECTED = {
    block.split("\n", 1)[0]: block.split("\n", 1)[1].rstrip("\n").split("\n")
    for path in sorted(FOLDER.glob("*.txt"))
    for block in re.split(r"^== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return golden_parts(tmp_path_factory.mktemp("golden"))


def test_the_parts_are_those_that_are_expected(parts: dict[str, list[str]]) -> None:
    assert len(EXPECTED) >= 25 and set(parts) == set(EXPECTED)


@pytest.mark.parametrize("part", sorted(EXPECTED))
def test_each_element_is_as_it_was(part: str, parts: dict[str, list[str]]) -> None:
    assert parts[part] == EXPECTED[part]
