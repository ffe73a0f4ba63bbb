DROP INDEX callbacks_open;
DROP INDEX callback_items_by_anchor;
CREATE INDEX callback_items_pending ON callback_items (job, anchor) WHERE status = 'pending';
DROP INDEX callback_items_waiting;
CREATE INDEX callback_items_waiting ON callback_items (job, sequence, position) WHERE said IS NOT NULL;
DROP TABLE callback_queues;
