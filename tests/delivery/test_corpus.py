"""A sample of workbooks made by others: sheets, again, columns, and out; the rest is in tests/benchmarks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


def corpus_script() -> Any:
    path = Path(__file__).parents[1] / "benchmarks" / "delivery_corpus.py"
    spec = importlib.util.spec_from_file_location("delivery_corpus", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["delivery_corpus"] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def test_a_sample_of_the_corpus(shared_data: Path, tmp_path: Path) -> None:
    corpus = corpus_script()
    files = sorted(p for p in (shared_data / "workbooks").iterdir() if p.suffix.lower() in (".xlsx", ".xlsm"))
    # Every 38th, and some with tables, pivots, totals, strict namespaces, macros, and what must be refused.
    sample = set(files[::38])
    for word in ("able", "ivot", "trict", "encryptAES", "protectstructurewithp"):
        sample |= set([p for p in files if word in p.name][:2])
    donors = corpus.make_donors(tmp_path)
    outcomes = [corpus.run_file(path, tmp_path, donors, check=False) for path in sorted(sample)]
    assert not [(o.name, o.faults) for o in outcomes if o.faults or o.foreign != o.identical]
    assert {o.refused.partition(":")[0] for o in outcomes if o.refused} <= {"encrypted", "protected", "not-a-workbook"}
    assert any(o.columns for o in outcomes) and sum(not o.refused for o in outcomes) >= 12


@pytest.mark.parametrize("strict", [False, True])
def test_chosen_sheets(tmp_path: Path, strict: bool) -> None:
    from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
    from icp_xl.delivery.write_back.target import probe
    from icp_xl.errors import DeliveryError
    from icp_xl.opc.safe_write import SafeOptions
    from tests.support.donors import make_donor
    from tests.support.validator import assert_valid

    options = SafeOptions(backups=0)
    book, donor = make_donor(tmp_path / "book.xlsx"), make_donor(tmp_path / "donor.xlsx", generation=2)
    if strict:
        with pytest.raises(DeliveryError, match="has no sheet called Nope"):
            inject_sheets(book, donor, sheets=SheetOptions(only=["Nope"]), options=options)
        inject_sheets(book, donor, sheets=SheetOptions(only=["icp detail", "ICP Report"]), options=options)
        assert len(probe(book).own_sheets) == 2
        return
    inject_sheets(book, donor, sheets=SheetOptions(only=["ICP Report"]), options=options)
    assert probe(book).own_sheets == ("ICP Report (2)",)
    inject_sheets(book, donor, options=options)
    inject_sheets(book, donor, sheets=SheetOptions(only=["ICP Report"]), options=options)
    assert len(probe(book).own_sheets) == 2
    assert_valid(book)
