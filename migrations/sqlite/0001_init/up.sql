-- Instants are microseconds since 1970 UTC; JSON is text.

CREATE TABLE systems (
    id TEXT PRIMARY KEY NOT NULL,
    sequence BIGINT NOT NULL,          -- the last number given to an upload
    folded BIGINT NOT NULL,            -- the last upload that workers are the fold of
    waiting BIGINT NOT NULL,           -- operations accepted and not yet folded
    endpoint TEXT,                     -- the controller in use
    endpoint_since BIGINT
);

CREATE TABLE uploads (
    system TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    body BLOB NOT NULL,
    bytes BIGINT NOT NULL,
    operations INTEGER NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (system, sequence)
);

CREATE TABLE workers (
    system TEXT NOT NULL,
    anchor TEXT NOT NULL,
    record TEXT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (system, anchor)
);

CREATE TABLE schemas (
    app TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    origin TEXT NOT NULL,
    taken BIGINT NOT NULL,
    PRIMARY KEY (app, version)
);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY NOT NULL,
    app TEXT NOT NULL,
    template TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL,
    schema_version BIGINT NOT NULL,
    status TEXT NOT NULL,
    holder TEXT,                       -- the lease: who runs this job's cycle,
    token BIGINT NOT NULL,             -- which of its holders that is,
    until BIGINT NOT NULL              -- and until when
);
CREATE INDEX jobs_by_app ON jobs (app);

CREATE TABLE operations (
    job TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    position INTEGER NOT NULL,
    anchor TEXT NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (job, sequence, position)
) WITHOUT ROWID;
CREATE INDEX operations_by_anchor ON operations (job, anchor);

CREATE TABLE wakes (
    job TEXT NOT NULL,
    anchor TEXT NOT NULL,
    rank INTEGER NOT NULL,             -- what HR said just now goes before everything else
    due BIGINT NOT NULL,
    cause TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    stamp BIGINT NOT NULL,
    PRIMARY KEY (job, anchor)
) WITHOUT ROWID;
CREATE INDEX wakes_by_due ON wakes (job, rank, due, anchor);

CREATE TABLE links (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    account TEXT NOT NULL,
    generation BIGINT NOT NULL,
    made BOOLEAN NOT NULL,
    wanted BOOLEAN,
    disabled_by_us BOOLEAN NOT NULL,
    enabled BOOLEAN,
    PRIMARY KEY (job, worker)
) WITHOUT ROWID;
CREATE UNIQUE INDEX links_by_account ON links (job, account);
CREATE INDEX links_by_state ON links (job, enabled);
CREATE INDEX links_by_origin ON links (job, made);

CREATE TABLE changes (
    id TEXT PRIMARY KEY NOT NULL,
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    cycle TEXT NOT NULL,
    plan TEXT NOT NULL,                -- the plan's id, which is its seed
    policy BIGINT NOT NULL,            -- the schema version it was made with
    body TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    token BIGINT NOT NULL,
    sent BIGINT NOT NULL
);
CREATE INDEX changes_by_worker ON changes (job, worker);

CREATE TABLE receipts (
    id TEXT PRIMARY KEY NOT NULL,
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    cycle TEXT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX receipts_by_worker ON receipts (job, worker, at);
CREATE INDEX receipts_by_time ON receipts (at);

CREATE TABLE pending_references (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    attribute TEXT NOT NULL,
    refers_to TEXT NOT NULL,
    PRIMARY KEY (job, worker, attribute)
) WITHOUT ROWID;
CREATE INDEX pending_references_by_other ON pending_references (job, refers_to);

CREATE TABLE escrows (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    code TEXT NOT NULL,
    since BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    next BIGINT NOT NULL,              -- when the refused change is tried again
    PRIMARY KEY (job, worker)
) WITHOUT ROWID;

CREATE TABLE held (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    action TEXT NOT NULL,
    since BIGINT NOT NULL,
    released BOOLEAN NOT NULL,
    PRIMARY KEY (job, worker, action)
) WITHOUT ROWID;

CREATE TABLE tallies (
    job TEXT NOT NULL,
    action TEXT NOT NULL,
    hour BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (job, action, hour)
) WITHOUT ROWID;

CREATE TABLE logs (
    id TEXT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    app TEXT NOT NULL,
    job TEXT NOT NULL,
    cycle TEXT NOT NULL,
    change TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX logs_by_job ON logs (job, id);
CREATE INDEX logs_by_cycle ON logs (cycle, id);
CREATE INDEX logs_by_source ON logs (job, source, id);
CREATE INDEX logs_by_time ON logs (at);

CREATE TABLE listed (
    job TEXT NOT NULL,
    anchor TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (job, anchor)
);

CREATE TABLE listed_keys (
    job TEXT NOT NULL,
    attribute TEXT NOT NULL,
    value TEXT NOT NULL,
    anchor TEXT NOT NULL,
    PRIMARY KEY (job, attribute, value, anchor)
) WITHOUT ROWID;

CREATE TABLE settings (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;
