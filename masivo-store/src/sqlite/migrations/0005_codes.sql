-- Who holds a code: referral codes, and gift cards with the lot in their holder's wallet and the fact that redeemed them (0
-- when none did).
CREATE TABLE holder (
    number INTEGER PRIMARY KEY, customer INTEGER NOT NULL, lot INTEGER NOT NULL, since INTEGER NOT NULL,
    redeemed_by INTEGER NOT NULL
) STRICT;
-- The codes of a customer.
CREATE INDEX holder_customer ON holder (customer, number);
-- Referrals: the event that completed one, with its customer and the code, and the event of whoever referred, which is
-- reversed with the first.
CREATE TABLE referral (
    event INTEGER, number INTEGER, customer INTEGER NOT NULL, fact INTEGER NOT NULL, PRIMARY KEY (event, number)
) STRICT, WITHOUT ROWID;
-- The referrals of a customer with a code.
CREATE INDEX referral_customer ON referral (customer, number);
-- Sums of campaigns are kept by what became of their points, for each reward: they are counted anew from the facts.
DELETE FROM daily WHERE key LIKE 'campaign/%';
