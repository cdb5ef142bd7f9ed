"""What reading from every CRM has in common: tries, pauses, pages and limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from icp_xl.config.feedback import CrmSettings
from icp_xl.errors import SourceError
from icp_xl.progress import Progress
from icp_xl.sources.crm import Crm, Requests, TryAgainError, opportunity_frame

ACME = Crm("Acme CRM", "acme", "tickets", "acme-client")


def requests(pause: Callable[[float], None] = lambda _: None, **settings: float) -> Requests:
    return Requests(ACME, CrmSettings.model_validate(settings), Progress(), pause)


@pytest.mark.parametrize(
    ("asked", "waited"), [("7", 7.0), ("1.5", 1.5), ("0", None), ("", 2.0), ("soon", 2.0), ("-3", 2.0), ("9999", 30.0)]
)
def test_a_pause_is_as_long_as_asked_within_bounds(asked: str, waited: float | None) -> None:
    pauses: list[float] = []
    answers = iter([TryAgainError("status 429", asked)])

    def call() -> str:
        for trouble in answers:
            raise trouble
        return "answer"

    assert requests(pauses.append, longest_pause_seconds=30).ask(call) == "answer"
    assert pauses == ([] if waited is None else [waited])


def test_pages_that_lead_in_a_circle_are_not_read_for_ever() -> None:
    following = {"b": (["2"], "c"), "c": (["3"], "b")}
    read = []
    with pytest.raises(SourceError, match="Acme CRM's answer names no next page"):
        for page in requests().pages((["1"], "b"), lambda name: following[name]):
            read += page
    assert read == ["1", "2", "3"]


def test_more_records_than_allowed_stop_the_reading_where_they_are_met() -> None:
    pages = iter([["1", "2"], ["3", "4"], ["5"]])
    with pytest.raises(SourceError, match="more tickets than may be read.*feedback.acme.max_records"):
        requests(max_records=3).read_all(pages)
    assert list(pages) == [["5"]]


def test_no_records_are_a_table_of_every_column() -> None:
    frame = opportunity_frame({"stage": []}, 0)
    assert frame.empty and {"stage", "amount", "close_date", "source_row"} <= set(frame)
