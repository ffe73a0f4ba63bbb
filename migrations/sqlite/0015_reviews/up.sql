-- What would be done to whom, kept until a person has read it (B9).
CREATE TABLE reviews (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    standing TEXT NOT NULL,            -- withheld, released, done
    apart BOOLEAN NOT NULL,            -- a person said that no account that is there is the worker's
    account TEXT,                      -- the one that was found
    body BLOB NOT NULL,                -- JSON, deflated
    PRIMARY KEY (job, worker)
);
CREATE INDEX reviews_by_account ON reviews (job, account);
