-- What a new rule says is listed all at once, when everybody was looked at by it: rows have the version of the programme from which
-- on they are listed, and the one from which on they no longer are (0 is at once, and never). Listed is what holds for the version
-- in meta `shown`, and everything that is not over when there is none.
ALTER TABLE member ADD COLUMN begins INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN ends INTEGER NOT NULL DEFAULT 0;
-- Rows that are over, or will be.
CREATE INDEX member_ends ON member (ends, audience, customer) WHERE ends <> 0;
-- How many more members there will be then.
ALTER TABLE member_count ADD COLUMN turning INTEGER NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN seen_from INTEGER NOT NULL DEFAULT 0;
