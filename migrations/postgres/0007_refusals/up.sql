-- What was said of a refusal: the same one is logged once, however often it is met.
ALTER TABLE escrows ADD COLUMN reason TEXT NOT NULL DEFAULT '';
