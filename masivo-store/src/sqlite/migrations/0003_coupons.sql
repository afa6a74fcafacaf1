-- Coupon codes: `number` is the campaign's number in the upper half and the code's place in it in the lower, so that a
-- campaign's codes lie together. `code` is the form codes are compared in, `shown` what was handed out where it differs.
CREATE TABLE coupon (number INTEGER PRIMARY KEY, code TEXT NOT NULL, shown TEXT) STRICT;
-- The coupon of a code.
CREATE UNIQUE INDEX coupon_code ON coupon (code);
-- How far the generation of a campaign's codes has come, and how many codes were supplied.
CREATE TABLE coupon_run (
    campaign INTEGER PRIMARY KEY, wanted INTEGER NOT NULL, made INTEGER NOT NULL, supplied INTEGER NOT NULL
) STRICT;
