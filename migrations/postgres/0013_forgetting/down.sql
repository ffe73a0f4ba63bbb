DROP TABLE handovers;
ALTER TABLE workers DROP COLUMN shrunk;
DROP TABLE forgotten;
