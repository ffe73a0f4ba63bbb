-- Names that were given away, so that nobody else is given them: a value by what it must be unique in.
CREATE TABLE names (
    namespace TEXT NOT NULL,           -- the target system, and what is compared there
    folded TEXT NOT NULL,              -- without case and accents
    owner TEXT NOT NULL,               -- source system and worker
    attribute TEXT NOT NULL,
    value TEXT NOT NULL,
    reserved BIGINT NOT NULL,
    PRIMARY KEY (namespace, folded)
);
CREATE INDEX names_by_owner ON names (owner);
