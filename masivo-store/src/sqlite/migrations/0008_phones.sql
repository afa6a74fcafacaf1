-- Keyed hashes of phone numbers, so that lists can name customers by them; several customers may have the same one.
CREATE TABLE phone (customer INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
-- The customers of a number.
CREATE INDEX phone_hash ON phone (hash);
