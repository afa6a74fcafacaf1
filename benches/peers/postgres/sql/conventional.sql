-- One table a concept, as one designs it first; only indices that some question of the product needs.
-- Tables whose rows are rewritten leave room in their pages, so that an update touches no index.
CREATE SCHEMA conventional;
SET search_path = conventional;
\ir program.sql

CREATE TABLE customer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, external_id text NOT NULL UNIQUE, name text NOT NULL,
    email text NOT NULL UNIQUE, country text NOT NULL, tier int NOT NULL DEFAULT 1,
    armed_at timestamptz, created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85);

CREATE TABLE consent (
    customer_id bigint PRIMARY KEY, behavioral_campaigns boolean NOT NULL, email_marketing boolean NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE idempotency (
    key text PRIMARY KEY, request bytea NOT NULL, event_id uuid NOT NULL, at timestamptz NOT NULL
);

CREATE TABLE event (
    id uuid PRIMARY KEY, customer_id bigint NOT NULL, brand text NOT NULL, type text NOT NULL, status text NOT NULL,
    at timestamptz NOT NULL, purchase_id text, value bigint NOT NULL, body json NOT NULL
);
CREATE INDEX event_customer ON event (customer_id, at);

CREATE TABLE lot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint NOT NULL, campaign_id int NOT NULL,
    event_id uuid NOT NULL, amount bigint NOT NULL, remaining bigint NOT NULL, expires_at timestamptz NOT NULL
);
-- Spending takes what expires soonest.
CREATE INDEX lot_customer ON lot (customer_id, expires_at) WHERE remaining > 0;

CREATE TABLE ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint NOT NULL, event_id uuid NOT NULL,
    lot_id bigint NOT NULL, kind text NOT NULL, amount bigint NOT NULL, at timestamptz NOT NULL
);
CREATE INDEX ledger_customer ON ledger (customer_id, id);

CREATE TABLE wallet (
    customer_id bigint PRIMARY KEY, balance bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- Period 0 is the whole life, otherwise the year.
CREATE TABLE metric (
    customer_id bigint, period int, purchases bigint NOT NULL, spend bigint NOT NULL, last_visit timestamptz,
    PRIMARY KEY (customer_id, period)
) WITH (fillfactor = 70);

CREATE TABLE membership (
    customer_id bigint, audience_id int, since timestamptz NOT NULL, flips_at timestamptz,
    PRIMARY KEY (customer_id, audience_id)
) WITH (fillfactor = 70);
CREATE INDEX membership_audience ON membership (audience_id, customer_id);

-- One wake-up a customer: the earliest instant at which something falls due.
CREATE TABLE wake_up (customer_id bigint PRIMARY KEY, at timestamptz NOT NULL);
CREATE INDEX wake_up_at ON wake_up (at);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, webhook_id int NOT NULL, event_id uuid NOT NULL,
    next_at timestamptz NOT NULL
);

\ir record_event.sql
\ir record_batch.sql

INSERT INTO customer (external_id, name, email, country)
SELECT 'customer-' || n, 'Name ' || n, 'c' || n || '@example.com', 'EC' FROM generate_series(0, :customers - 1) n;
INSERT INTO consent SELECT id, true, true FROM customer;
INSERT INTO wallet SELECT id FROM customer;
INSERT INTO membership
SELECT c.id, a.id, now(), NULL FROM customer c JOIN audience a ON a.country = c.country ORDER BY c.id;
