-- What a cycle did is taken back person by person.
DROP INDEX receipts_by_cycle;
CREATE INDEX receipts_by_cycle ON receipts (job, cycle, worker);
