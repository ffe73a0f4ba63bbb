DROP INDEX receipts_by_cycle;
CREATE INDEX receipts_by_cycle ON receipts (job, cycle);
