-- Whose an account is, among the jobs that write a system: its anchor, under the attribute '', or, while it is being made, a
-- value that it will be found by.
CREATE TABLE owners (
    target TEXT NOT NULL,
    attribute TEXT NOT NULL,
    value TEXT NOT NULL,
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (target, attribute, value)
);
CREATE INDEX owners_by_worker ON owners (job, worker);
INSERT INTO owners
SELECT jobs.target, '', links.account, links.job, links.worker, CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT)
FROM links JOIN jobs ON jobs.id = links.job
WHERE true
ORDER BY links.made DESC, jobs.created, jobs.id
ON CONFLICT DO NOTHING;

-- Since when a reference waits, and when the log told of it last.
ALTER TABLE pending_references ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pending_references ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
UPDATE pending_references SET since = CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT);
