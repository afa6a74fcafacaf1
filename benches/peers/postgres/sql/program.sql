-- The programme of the load, the same as in benches/ingest.rs; servers read it once and keep it in memory.
-- Amounts of money are whole millionths, as in the engine.
CREATE TABLE campaign (
    id int PRIMARY KEY, trigger text NOT NULL, value_above bigint NOT NULL, methods text[] NOT NULL,
    sku_prefix text NOT NULL, purchases_below bigint NOT NULL, amount bigint NOT NULL, unit bigint NOT NULL,
    months int NOT NULL
);
INSERT INTO campaign
SELECT n, 'PURCHASE', CASE WHEN n <= 3 THEN 10 ELSE 10000 + n - 1 END * 1000000::bigint, '{CREDIT,DEBIT}', 'sku',
       1000000, 1, 10000000, 12
FROM generate_series(1, 20) n;

-- Who visited within so many days, who spent more than so much this year, who lives in that country.
CREATE TABLE audience (id int PRIMARY KEY, days int, spend_above bigint, country text);
INSERT INTO audience
SELECT n, CASE n % 3 WHEN 0 THEN 30 END, CASE n % 3 WHEN 1 THEN n * 500000000::bigint END,
       CASE n % 3 WHEN 2 THEN 'EC' END
FROM generate_series(0, 9) n;

-- The tiers, judged by what was spent this year.
CREATE TABLE tier (id int PRIMARY KEY, name text NOT NULL, spend_at_least bigint NOT NULL);
INSERT INTO tier VALUES (1, 'Base', 0);

-- Where outbox rows would go: nobody listens in this load.
CREATE TABLE webhook (id int PRIMARY KEY, url text NOT NULL);
