-- What people decided about somebody's account, over HR's head (B12).
CREATE TABLE holds (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    body TEXT NOT NULL                 -- JSON
);
CREATE INDEX holds_by_worker ON holds (job, worker);
CREATE INDEX receipts_by_cycle ON receipts (job, cycle);
