-- Who entered and left audiences when: who was in at an instant of the past.
CREATE TABLE turn (
    audience INTEGER, customer INTEGER, fact INTEGER, at INTEGER NOT NULL, inside INTEGER NOT NULL,
    PRIMARY KEY (audience, customer, fact)
) STRICT, WITHOUT ROWID;
-- The same in the order it was written.
CREATE INDEX turn_fact ON turn (audience, fact);
