-- The past events of a customer that audiences look at, derived from the facts and personal: beside the working state, so
-- that it is only rewritten when one of them comes or goes.
CREATE TABLE series (customer INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
