-- What is taken of quotas that all customers share: budgets and limits of campaigns, stock of rewards. `owner` and
-- `counts` and `unit` are the places of their names in the lists of the core; a unit of 0 is no period.
CREATE TABLE quota (
    owner INTEGER, number INTEGER, counts INTEGER, unit INTEGER, period INTEGER, used INTEGER NOT NULL,
    held INTEGER NOT NULL, PRIMARY KEY (owner, number, counts, unit, period)
) STRICT, WITHOUT ROWID;
