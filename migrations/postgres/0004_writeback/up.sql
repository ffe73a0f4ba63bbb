-- A source's own name for a watermark: a delta link, a cookie.
ALTER TABLE pulls ADD COLUMN place TEXT;
