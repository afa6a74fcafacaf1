-- Who holds a code: referral codes, and gift cards with the lot in their holder's wallet and the fact that redeemed them (0
-- when none did).
CREATE TABLE holder (
    number INTEGER PRIMARY KEY, customer INTEGER NOT NULL, lot INTEGER NOT NULL, since INTEGER NOT NULL,
    redeemed_by INTEGER NOT NULL
) STRICT;
-- The codes of a customer.
CREATE INDEX holder_customer ON holder (customer, number);
-- The event that completed a referral, and the event of whoever referred: it is reversed with the first.
CREATE TABLE referral (event INTEGER PRIMARY KEY, fact INTEGER NOT NULL) STRICT;
-- Sums of campaigns are kept by what became of their points, for each reward: they are counted anew from the facts.
DELETE FROM daily WHERE key LIKE 'campaign/%';
