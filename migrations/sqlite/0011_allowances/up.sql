-- How much more of something people let a job do for a while (B17).
CREATE TABLE allowances (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    action TEXT NOT NULL,              -- as the guard names it; disables stand for deletes, too
    most BIGINT NOT NULL,              -- how many in all,
    used BIGINT NOT NULL,              -- and how many of them were done
    given BIGINT NOT NULL,
    until BIGINT NOT NULL,
    ended BIGINT,                      -- when it was over, and that was noted
    decider TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX allowances_by_job ON allowances (job, until);

-- What of a change is counted against an allowance: JSON, the action and the allowance's id.
ALTER TABLE changes ADD COLUMN allowed TEXT;

-- A hold is somebody's, or an account's, whoever that belongs to.
ALTER TABLE holds ADD COLUMN account TEXT;
CREATE INDEX holds_by_account ON holds (job, account) WHERE account IS NOT NULL;

-- Who decided what, when and why (B12, B17).
CREATE TABLE decisions (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    made BIGINT NOT NULL,
    body TEXT NOT NULL                 -- JSON
);
CREATE INDEX decisions_by_job ON decisions (job, made);

-- What HR said where it decides whether somebody may sign in: while it wanted that, and since a limit holds the disable.
CREATE TABLE state_inputs (
    job TEXT NOT NULL,
    worker TEXT NOT NULL,
    active TEXT,                       -- JSON: attribute and value
    held TEXT,
    PRIMARY KEY (job, worker)
);
CREATE INDEX state_inputs_held ON state_inputs (job) WHERE held IS NOT NULL;
