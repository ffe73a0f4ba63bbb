-- A source's own name for a watermark: a delta link, a cookie.
ALTER TABLE pulls ADD COLUMN place TEXT;

-- Accounts that a job has just written, which the job that takes their values home to HR reads back at once.
CREATE TABLE asked (
    system TEXT NOT NULL,
    anchor TEXT NOT NULL,
    since BIGINT NOT NULL,             -- when it was written
    due BIGINT NOT NULL,               -- when it is read back
    PRIMARY KEY (system, anchor)
);
CREATE INDEX asked_by_due ON asked (system, due);

-- Values that an account has from an HR attribute which another job writes: they are not sent back to where they came from.
CREATE TABLE given (
    system TEXT NOT NULL,
    anchor TEXT NOT NULL,
    attribute TEXT NOT NULL,
    source TEXT NOT NULL,              -- how HR's attribute is read
    value TEXT NOT NULL,
    PRIMARY KEY (system, anchor, attribute)
);

-- What was sent to HR and waits for somebody's approval there.
ALTER TABLE links ADD COLUMN waiting TEXT;

-- Callbacks that were taken in together: what of some people is to go home to HR now.
CREATE TABLE callbacks (
    job TEXT NOT NULL,
    sequence BIGINT NOT NULL,          -- a number of the source's, as an upload's
    id TEXT NOT NULL,                  -- in the Location
    client TEXT NOT NULL,              -- who sent them,
    idempotency_key TEXT,              -- under which key,
    digest TEXT NOT NULL,              -- and what
    notify BOOLEAN NOT NULL,           -- a webhook was asked for
    received BIGINT NOT NULL,
    completed BIGINT,                  -- since when each has an outcome
    PRIMARY KEY (job, sequence)
);
CREATE UNIQUE INDEX callbacks_by_id ON callbacks (id);
CREATE UNIQUE INDEX callbacks_by_key ON callbacks (job, client, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX callbacks_by_time ON callbacks (completed) WHERE completed IS NOT NULL;

CREATE TABLE callback_items (
    job TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    position INTEGER NOT NULL,
    who TEXT NOT NULL,                 -- JSON: how the person was named
    members TEXT NOT NULL,             -- JSON: what was named of the person,
    said TEXT,                         -- JSON: and with what value, until that is in the worker's record
    anchor TEXT,                       -- whose record that is
    status TEXT NOT NULL,
    code TEXT,
    message TEXT,
    event TEXT,                        -- HR's own number for the change
    changed BIGINT NOT NULL,
    due BIGINT NOT NULL,               -- when the person may be looked up,
    attempts INTEGER NOT NULL,         -- after so many that nobody answered
    PRIMARY KEY (job, sequence, position)
);
CREATE INDEX callback_items_waiting ON callback_items (job, sequence, position) WHERE said IS NOT NULL;
CREATE INDEX callback_items_pending ON callback_items (job, anchor) WHERE status = 'pending';

-- Notices that go to the webhook.
CREATE TABLE notices (
    id TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due BIGINT NOT NULL                -- the next attempt; while one is under way, when it counts as lost
);
CREATE INDEX notices_by_due ON notices (due);
