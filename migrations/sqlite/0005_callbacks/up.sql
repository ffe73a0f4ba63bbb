-- What waits of a job's callbacks.
CREATE TABLE callback_queues (
    job TEXT PRIMARY KEY NOT NULL,
    waiting BIGINT NOT NULL,           -- items that nothing has come of yet
    due BIGINT NOT NULL,               -- when the source may be asked again,
    attempts INTEGER NOT NULL          -- after so many times that it answered nobody
) WITHOUT ROWID;
INSERT INTO callback_queues (job, waiting, due, attempts)
    SELECT job, COUNT(*), 0, 0 FROM callback_items WHERE status = 'accepted' GROUP BY job;

-- Each item waits for itself: those that may be looked up come first, in the order in which they may be.
UPDATE callback_items SET attempts = 0 WHERE said IS NOT NULL;
DROP INDEX callback_items_waiting;
CREATE INDEX callback_items_waiting ON callback_items (job, due, sequence, position) WHERE said IS NOT NULL;

-- What was said of whom.
DROP INDEX callback_items_pending;
CREATE INDEX callback_items_by_anchor ON callback_items (anchor);

-- Batches that may wait in vain.
CREATE INDEX callbacks_open ON callbacks (received) WHERE completed IS NULL;
