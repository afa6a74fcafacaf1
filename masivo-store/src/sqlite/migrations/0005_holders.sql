-- Who holds a code: gift cards with the lot in their holder's wallet and the fact that redeemed them (0 when none did).
CREATE TABLE holder (
    number INTEGER PRIMARY KEY, customer INTEGER NOT NULL, lot INTEGER NOT NULL, since INTEGER NOT NULL,
    redeemed_by INTEGER NOT NULL
) STRICT;
-- The codes of a customer.
CREATE INDEX holder_customer ON holder (customer, number);
