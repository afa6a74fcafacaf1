-- Everything about one customer is reached by the customer's number; secondary indices name the question
-- that needs them.
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) STRICT, WITHOUT ROWID;

-- The working state: one row a customer, rewritten whole. `id` is NULL once the customer was erased.
CREATE TABLE customer (key INTEGER PRIMARY KEY, id TEXT UNIQUE, armed INTEGER, state BLOB NOT NULL) STRICT;
-- The personal part; gone once the customer was erased.
CREATE TABLE profile (key INTEGER PRIMARY KEY, document BLOB NOT NULL) STRICT;
-- Keyed hashes of the ids of erased customers, so that they are answered as such.
CREATE TABLE erased (hash BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
-- What only one customer may have: keyed hashes of e-mail addresses.
CREATE TABLE claim (hash BLOB PRIMARY KEY, customer INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Facts, append-only. A customer's facts are a chain by `previous`, newest first: no index by customer has to
-- be kept. `payload` and `explanation` are personal.
CREATE TABLE fact (
    sequence INTEGER PRIMARY KEY, customer INTEGER NOT NULL, previous INTEGER NOT NULL, at INTEGER NOT NULL,
    kind INTEGER NOT NULL, status INTEGER, fulfilled_by INTEGER NOT NULL DEFAULT 0,
    closed_by INTEGER NOT NULL DEFAULT 0, event BLOB, day INTEGER,
    booking BLOB NOT NULL, payload BLOB, explanation BLOB
) STRICT;
-- The event of an id.
CREATE UNIQUE INDEX fact_event ON fact (event) WHERE event IS NOT NULL;
-- Transactions of a day.
CREATE INDEX fact_day ON fact (day, sequence) WHERE day IS NOT NULL;
-- Expired events by when they were issued, for fulfilling them after all.
CREATE TABLE expired (issued_at INTEGER, fact INTEGER, PRIMARY KEY (issued_at, fact)) STRICT, WITHOUT ROWID;

-- Lots that are not in the working state: closed ones, and later ones with the date they expire (the latest
-- instant there is when they never do).
CREATE TABLE lot (
    customer INTEGER, number INTEGER, reward INTEGER NOT NULL, later INTEGER, body BLOB NOT NULL,
    PRIMARY KEY (customer, number)
) STRICT, WITHOUT ROWID;
-- Later lots in the order they are spent.
CREATE INDEX lot_later ON lot (customer, reward, later, number) WHERE later IS NOT NULL;
-- One wake-up a customer: the earliest.
CREATE TABLE wake_up (due INTEGER, customer INTEGER, PRIMARY KEY (due, customer)) STRICT, WITHOUT ROWID;
CREATE TABLE member (audience INTEGER, customer INTEGER, since INTEGER NOT NULL, PRIMARY KEY (audience, customer)) STRICT, WITHOUT ROWID;
CREATE TABLE member_count (audience INTEGER PRIMARY KEY, members INTEGER NOT NULL) STRICT;
CREATE TABLE walker (journey INTEGER, customer INTEGER, PRIMARY KEY (journey, customer)) STRICT, WITHOUT ROWID;

-- What leaves the house. `body` is personal.
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, customer INTEGER NOT NULL, channel INTEGER NOT NULL,
    target INTEGER NOT NULL, detail TEXT NOT NULL, made_at INTEGER NOT NULL, status INTEGER NOT NULL,
    attempts INTEGER NOT NULL, due INTEGER, reason TEXT, changed_at INTEGER NOT NULL, body BLOB
) STRICT;
-- What is to be delivered next.
CREATE INDEX outbox_due ON outbox (due, sequence) WHERE due IS NOT NULL;
-- What has to be erased with a customer.
CREATE INDEX outbox_customer ON outbox (customer, sequence);

CREATE TABLE definition (
    kind TEXT, number INTEGER, version INTEGER, id TEXT NOT NULL, program_version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, number, version)
) STRICT, WITHOUT ROWID;

-- Idempotency keys by periods of thirty days: at most two or three have to be asked, and a whole one is
-- forgotten at once.
CREATE TABLE idempotency_period (period INTEGER PRIMARY KEY) STRICT;
CREATE TABLE idempotency (period INTEGER, key BLOB, request BLOB NOT NULL, made BLOB NOT NULL, PRIMARY KEY (period, key)) STRICT, WITHOUT ROWID;

CREATE TABLE daily (day INTEGER, key TEXT, count INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (day, key)) STRICT, WITHOUT ROWID;
CREATE TABLE api_key (id TEXT PRIMARY KEY, server INTEGER NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE quarantine (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
