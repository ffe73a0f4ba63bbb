DROP INDEX receipts_by_cycle;
DROP TABLE holds;
