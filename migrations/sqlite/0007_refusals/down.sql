ALTER TABLE escrows DROP COLUMN reason;
