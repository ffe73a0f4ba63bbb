-- Systems that are asked what HR says: how far that has come.
CREATE TABLE pulls (
    system TEXT PRIMARY KEY NOT NULL,
    watermark BIGINT,                  -- from where on the next read goes; a full one where there is none
    fingerprint TEXT,                  -- what was asked about each worker
    generation BIGINT NOT NULL,        -- moves when somebody has everybody read again
    began BIGINT NOT NULL,             -- the last read
    not_before BIGINT NOT NULL,        -- when the next may begin, after one that failed
    failures INTEGER NOT NULL,         -- reads that failed since the last good one
    failure TEXT,                      -- why the last one did
    job TEXT,                          -- who reads: a job,
    token BIGINT                       -- as long as it holds this lease
);

-- What joins the records of one person, and the last full read that showed the worker.
ALTER TABLE workers ADD COLUMN person TEXT;
ALTER TABLE workers ADD COLUMN seen BIGINT NOT NULL DEFAULT 0;
CREATE INDEX workers_by_person ON workers (system, person) WHERE person IS NOT NULL;

-- Since when an account is disabled that we disabled.
ALTER TABLE links ADD COLUMN disabled_at BIGINT;
