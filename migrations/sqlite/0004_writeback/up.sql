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
