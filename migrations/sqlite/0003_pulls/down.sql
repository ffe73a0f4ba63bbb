ALTER TABLE links DROP COLUMN disabled_at;
DROP INDEX workers_by_person;
ALTER TABLE workers DROP COLUMN seen;
ALTER TABLE workers DROP COLUMN person;
DROP TABLE pulls;
