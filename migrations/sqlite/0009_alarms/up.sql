-- What is wrong with whom right now, and by what cause: the last look's word, gone when it is.
CREATE TABLE findings (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    code TEXT NOT NULL,
    cause TEXT NOT NULL,               -- the reason without what is peculiar to the worker
    weight TEXT NOT NULL,              -- failure, warning, held, skip
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (job, worker, code, cause)
) WITHOUT ROWID;
CREATE INDEX findings_by_cause ON findings (job, weight, code, cause, since);

-- Accounts that were disabled or deleted because their people left.
CREATE TABLE departures (
    job TEXT NOT NULL,
    done BIGINT NOT NULL,
    worker TEXT NOT NULL,
    said BIGINT NOT NULL,              -- HR's instant: when the last day was over, or when HR said so
    PRIMARY KEY (job, done, worker)
) WITHOUT ROWID;

-- What somebody has to look at, as long as it is so.
CREATE TABLE alarms (
    job TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,             -- which one of the kind
    message TEXT NOT NULL,
    details TEXT NOT NULL,             -- JSON
    since BIGINT NOT NULL,
    PRIMARY KEY (job, kind, subject)
) WITHOUT ROWID;

-- Where the provisioning log goes besides: how far that has come, and who sends it.
CREATE TABLE streams (
    name TEXT PRIMARY KEY NOT NULL,
    sent TEXT NOT NULL,                -- the last entry
    holder TEXT,
    until BIGINT NOT NULL
) WITHOUT ROWID;

ALTER TABLE systems ADD COLUMN uploaded BIGINT;      -- when the last upload came
ALTER TABLE pulls ADD COLUMN completed BIGINT;       -- when the last complete read began

-- The days that people prepare for: when a worker's employment begins, and when it ends.
ALTER TABLE workers ADD COLUMN starts BIGINT;
ALTER TABLE workers ADD COLUMN leaves BIGINT;
CREATE INDEX workers_by_start ON workers (system, starts, anchor) WHERE starts IS NOT NULL;
CREATE INDEX workers_by_end ON workers (system, leaves, anchor) WHERE leaves IS NOT NULL;
UPDATE workers SET
    starts = (
        SELECT MAX(unixepoch(json_extract(turn.value, '$.at'))) * 1000000
        FROM json_each(workers.record, '$.employment.turns') AS turn
        WHERE json_extract(turn.value, '$.active')
    ),
    leaves = (
        SELECT MAX(unixepoch(json_extract(turn.value, '$.at'))) * 1000000
        FROM json_each(workers.record, '$.employment.turns') AS turn
        WHERE NOT json_extract(turn.value, '$.active')
    );
