"""The tables of the snapshot store, as steps from one version to the next.

A snapshot of 200,000 opportunities is 40 columns that are always written and read together. As 200,000 rows it cost
1.2 CPU seconds and 30 MB for 14 of the columns; as one compressed Arrow table per part it costs a fifth of either.
So a part is a row with its columns inside, and everything that changes by single rows is an ordinary table.
"""

from __future__ import annotations

#: One script per version; a store at version n has run the first n of them.
MIGRATIONS = (
    """
    CREATE TABLE opportunity (
        opportunity_key INTEGER PRIMARY KEY,
        opportunity_id TEXT NOT NULL UNIQUE
    );
    CREATE TABLE model (
        model_id TEXT PRIMARY KEY,
        weights TEXT NOT NULL,
        source TEXT NOT NULL,
        created_at TEXT NOT NULL
    );
    CREATE TABLE snapshot (
        snapshot_id INTEGER PRIMARY KEY,
        snapshot_date TEXT NOT NULL UNIQUE
    );
    CREATE TABLE snapshot_part (
        part_id INTEGER PRIMARY KEY,
        snapshot_id INTEGER NOT NULL REFERENCES snapshot (snapshot_id),
        scope TEXT NOT NULL,
        model_id TEXT NOT NULL REFERENCES model (model_id),
        challenger_id TEXT REFERENCES model (model_id),
        taken_at TEXT NOT NULL,
        run_id TEXT NOT NULL,
        replayed INTEGER NOT NULL CHECK (replayed IN (0, 1)),
        rows INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        opportunities BLOB NOT NULL,
        accounts BLOB NOT NULL
    );
    CREATE INDEX snapshot_part_day ON snapshot_part (snapshot_id, scope, part_id);
    CREATE TABLE outcome_event (
        event_id INTEGER PRIMARY KEY,
        opportunity_key INTEGER NOT NULL REFERENCES opportunity (opportunity_key),
        kind TEXT NOT NULL CHECK (kind IN ('won', 'lost', 'reopened', 'changed value', 'deleted', 'restored')),
        outcome TEXT NOT NULL CHECK (outcome IN ('won', 'lost', 'open', 'deleted')),
        close_date TEXT,
        created_date TEXT,
        amount REAL,
        days_to_close INTEGER,
        snapshot_date TEXT,
        score_at_close REAL,
        account_score_at_close REAL,
        matched_by TEXT NOT NULL,
        recorded_at TEXT NOT NULL,
        run_id TEXT NOT NULL
    );
    CREATE INDEX outcome_event_opportunity ON outcome_event (opportunity_key, event_id);
    CREATE VIEW outcome AS
        SELECT o.opportunity_id, e.* FROM outcome_event AS e JOIN opportunity AS o USING (opportunity_key)
        WHERE e.event_id = (SELECT max(x.event_id) FROM outcome_event AS x WHERE x.opportunity_key = e.opportunity_key);
    """,
    """
    CREATE TABLE deployment (
        deployment_id INTEGER PRIMARY KEY,
        role TEXT NOT NULL CHECK (role IN ('champion', 'challenger')),
        model_id TEXT NOT NULL REFERENCES model (model_id),
        from_date TEXT NOT NULL,
        to_date TEXT,
        plan TEXT NOT NULL DEFAULT '{}'
    );
    CREATE UNIQUE INDEX one_deployment_a_role ON deployment (role) WHERE to_date IS NULL;
    CREATE TABLE trial_look (
        look_id INTEGER PRIMARY KEY,
        deployment_id INTEGER NOT NULL REFERENCES deployment (deployment_id),
        looked_on TEXT NOT NULL,
        outcomes INTEGER NOT NULL,
        alpha_spent REAL NOT NULL,
        difference REAL NOT NULL,
        low REAL NOT NULL,
        high REAL NOT NULL,
        decision TEXT NOT NULL,
        UNIQUE (deployment_id, outcomes)
    );
    CREATE TABLE change_log (
        change_id INTEGER PRIMARY KEY,
        changed_at TEXT NOT NULL,
        change TEXT NOT NULL,
        model_id TEXT NOT NULL REFERENCES model (model_id),
        before_id TEXT REFERENCES model (model_id),
        evidence TEXT NOT NULL,
        run_id TEXT NOT NULL
    );
    """,
    # A view names its columns when it is made, so it is made again.
    """
    ALTER TABLE outcome_event ADD COLUMN actual_score_at_close REAL;
    ALTER TABLE outcome_event ADD COLUMN competitor TEXT NOT NULL DEFAULT '';
    ALTER TABLE outcome_event ADD COLUMN loss_reason TEXT NOT NULL DEFAULT '';
    DROP VIEW outcome;
    CREATE VIEW outcome AS
        SELECT o.opportunity_id, e.* FROM outcome_event AS e JOIN opportunity AS o USING (opportunity_key)
        WHERE e.event_id = (SELECT max(x.event_id) FROM outcome_event AS x WHERE x.opportunity_key = e.opportunity_key);
    """,
)
