"""A stand-in for HubSpot on the loopback interface: it speaks the shapes of its CRM interface (v3)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlparse

from tests.support.loopback import Answer

TIME = "2026-01-01T00:00:00.000Z"
ALIVE = {"createdAt": TIME, "updatedAt": TIME, "archived": False}
PROPERTIES = ("dealstage", "amount", "createdate", "closedate", "hubspot_owner_id", "deal_currency_code",
              "closed_lost_reason", "hs_is_closed_won", "hs_is_closed", "hs_deal_stage_probability")  # fmt: skip
STAGES = {"appointmentscheduled": ("Appointment scheduled", "false", "0.2"), "closedwon": ("Closed won", "true", "1.0"),
          "981": ("Kunde gewonnen", "true", "1.0"), "closedlost": ("Closed lost", "true", "0.0")}  # fmt: skip


@dataclass
class HubSpotStandIn:
    """What it serves, what goes wrong, and what it was asked."""

    deals: list[dict[str, Any]]
    token: str = "token-1"
    properties: tuple[str, ...] = PROPERTIES
    #: Answers given instead, before the so-many-th request: (status, headers) or a body of another form.
    trouble: dict[int, Any] = field(default_factory=dict)
    #: Paths that the token may not read.
    forbidden: tuple[str, ...] = ()
    requests: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, path: str, headers: Message, text: str | None) -> Answer:
        self.requests.append(path)
        wrong = self.trouble.get(len(self.requests))
        if isinstance(wrong, tuple):
            return wrong[0], wrong[1], {"status": "error", "message": "refused by the stand-in", "category": "X"}
        if wrong is not None:
            return 200, {}, wrong
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {}, {"status": "error", "message": "expired", "category": "EXPIRED_AUTHENTICATION"}
        url = urlparse(path)
        if any(part in url.path for part in self.forbidden):
            return 403, {}, {"status": "error", "message": "scopes", "category": "MISSING_SCOPES"}
        return 200, {}, self._body(url.path, parse_qs(url.query), json.loads(text) if text else None)

    def _body(self, path: str, query: dict[str, list[str]], body: Any) -> Any:
        if "/properties/" in path:
            return {"results": [{"name": name, "label": name, "type": "string", "fieldType": "text", "description": "",
                                 "groupName": "deal", "options": []} for name in self.properties]}  # fmt: skip
        if "/pipelines/" in path:
            stages = [{"id": key, "label": label, "displayOrder": k, **ALIVE,
                       "metadata": {"isClosed": closed, "probability": chance}}
                      for k, (key, (label, closed, chance)) in enumerate(STAGES.items())]  # fmt: skip
            return {"results": [{"id": "default", "label": "Sales", "displayOrder": 0, "stages": stages, **ALIVE}]}
        if "/owners" in path:
            return {"results": [{"id": "7", "email": "rita@example.com", "firstName": "Rita", "lastName": "Rep",
                                 "type": "PERSON", **ALIVE}]}  # fmt: skip
        if "/companies/batch/read" in path:
            found = [{"id": each["id"], "properties": {"name": f"Company {each['id']}"}, "createdAt": TIME,
                      "updatedAt": TIME, "archived": False} for each in body["inputs"]]  # fmt: skip
            return {"status": "COMPLETE", "results": found, "startedAt": TIME, "completedAt": TIME}
        start, size = int(query.get("after", ["0"])[0]), int(query["limit"][0])
        wanted = query["properties"][0].split(",") if len(query["properties"]) == 1 else query["properties"]
        page = [{**deal, "properties": {k: v for k, v in deal["properties"].items() if k in wanted}}
                for deal in self.deals[start : start + size]]  # fmt: skip
        more = start + size < len(self.deals)
        return {"results": page} | ({"paging": {"next": {"after": str(start + size), "link": "x"}}} if more else {})


def deal(k: int, stage: str = "appointmentscheduled", **changes: Any) -> dict[str, Any]:
    """One deal as HubSpot gives it."""
    _, closed, chance = STAGES.get(stage, ("", "false", "0.5"))
    body = {"dealstage": stage, "amount": str(1000 + k), "createdate": f"2026-0{1 + k % 3}-05T10:00:00Z",
            "closedate": "2026-05-31T10:00:00Z", "hubspot_owner_id": "7", "deal_currency_code": "USD",
            "hs_is_closed_won": str(closed == "true" and chance == "1.0").lower(), "hs_is_closed": closed,
            "hs_deal_stage_probability": chance,
            "closed_lost_reason": "Price" if stage == "closedlost" else None}  # fmt: skip
    linked = [
        {"id": "99", "type": "deal_to_company_unlabeled"},
        {"id": str(500 + k % 5), "type": "deal_to_company_primary"},
    ]
    return {"id": str(10_000 + k), **ALIVE, "properties": body | changes,
            "associations": {"companies": {"results": linked}}}  # fmt: skip
