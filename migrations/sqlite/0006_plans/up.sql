-- Plans that are kept to be read, and carried out exactly so.
CREATE TABLE plans (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    made BIGINT NOT NULL,
    head TEXT NOT NULL                 -- JSON
);
CREATE INDEX plans_by_time ON plans (made);

-- What is proposed, in the order of the workers' anchors.
CREATE TABLE plan_pages (
    plan TEXT NOT NULL,
    position INTEGER NOT NULL,
    last TEXT NOT NULL,                -- the last worker on it
    body BLOB NOT NULL,                -- JSON, compressed
    PRIMARY KEY (plan, position)
) WITHOUT ROWID;

-- Whose part of a plan was carried out.
CREATE TABLE plan_done (
    plan TEXT NOT NULL,
    worker TEXT NOT NULL,
    PRIMARY KEY (plan, worker)
) WITHOUT ROWID;
