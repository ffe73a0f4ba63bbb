-- That somebody was forgotten, when, by whom, and in which system; nothing of the person (B33).
CREATE TABLE forgotten (
    id TEXT PRIMARY KEY NOT NULL,
    system TEXT NOT NULL,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    entries BIGINT NOT NULL            -- of the log, which tell no more than that something was done
);
CREATE INDEX forgotten_by_system ON forgotten (system, at);

-- Since when no more is kept of a leaver than what finds the account again.
ALTER TABLE workers ADD COLUMN shrunk BIGINT;

-- First passwords that are handed over, sealed (B29): how far that is.
CREATE TABLE handovers (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    state TEXT NOT NULL,               -- due, sent, lost, reset
    since BIGINT NOT NULL,
    notice TEXT,                       -- that has it
    PRIMARY KEY (job, worker)
);
CREATE INDEX handovers_by_notice ON handovers (notice) WHERE notice IS NOT NULL;
