-- The shape of the engine's own store: one working row a customer, rewritten whole; one appended row a fact;
-- one row an idempotency key. Lots beyond 63 lie in rows of their own, as there.
CREATE SCHEMA lean;
SET search_path = lean;
\ir program.sql

CREATE TABLE customer (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL UNIQUE,
    behavioral_campaigns boolean NOT NULL, email_marketing boolean NOT NULL, country text NOT NULL,
    tier int NOT NULL DEFAULT 1, balance bigint NOT NULL DEFAULT 0, purchases bigint NOT NULL DEFAULT 0,
    spend bigint NOT NULL DEFAULT 0, last_visit timestamptz, year int NOT NULL DEFAULT 0,
    year_purchases bigint NOT NULL DEFAULT 0, year_spend bigint NOT NULL DEFAULT 0,
    -- Audiences the customer is in, and when that ends.
    audiences int[] NOT NULL, flips_at timestamptz[] NOT NULL,
    armed_at timestamptz, previous bigint NOT NULL DEFAULT 0,
    lot_points bigint[] NOT NULL DEFAULT '{}', lot_campaigns int[] NOT NULL DEFAULT '{}',
    lot_expiries timestamptz[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
CREATE TABLE profile (key bigint PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE);

CREATE TABLE fact (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint NOT NULL, previous bigint NOT NULL,
    at timestamptz NOT NULL, kind smallint NOT NULL, status smallint NOT NULL, event uuid NOT NULL, value bigint NOT NULL,
    campaigns int[], points bigint[], payload text NOT NULL
);
CREATE UNIQUE INDEX fact_event ON fact (event);
CREATE INDEX fact_day ON fact USING brin (at);

CREATE TABLE later_lot (
    customer bigint, sequence bigint, campaign int, points bigint NOT NULL, expires_at timestamptz NOT NULL,
    PRIMARY KEY (customer, sequence, campaign)
);
CREATE TABLE idempotency (key text PRIMARY KEY, request bytea NOT NULL, event uuid NOT NULL);
CREATE TABLE member (audience int, customer bigint, since timestamptz NOT NULL, PRIMARY KEY (audience, customer));
CREATE TABLE wake_up (customer bigint PRIMARY KEY, at timestamptz NOT NULL);
CREATE INDEX wake_up_at ON wake_up (at);
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, webhook int NOT NULL, event uuid NOT NULL, next_at timestamptz NOT NULL
);

\ir record_lean.sql

INSERT INTO customer (id, behavioral_campaigns, email_marketing, country, audiences, flips_at)
SELECT 'customer-' || n, true, true, 'EC', array_agg(a.id ORDER BY a.id), array_agg(NULL::timestamptz)
FROM generate_series(0, :customers - 1) n CROSS JOIN audience a WHERE a.country = 'EC' GROUP BY n ORDER BY n;
INSERT INTO profile SELECT key, 'Name ' || key, 'c' || key || '@example.com' FROM customer;
INSERT INTO member SELECT a, c.key, now() FROM customer c CROSS JOIN unnest(c.audiences) a ORDER BY a, c.key;
