ALTER TABLE pending_references DROP COLUMN told;
ALTER TABLE pending_references DROP COLUMN since;
DROP TABLE owners;
