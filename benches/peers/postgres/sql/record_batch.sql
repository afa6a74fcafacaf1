-- The same for many events in one transaction, set by set and not event by event. Events are known by their place in
-- the batch; `g_*` are the campaigns they could earn from, each with the place of its event.
CREATE FUNCTION record_batch(
    p_at timestamptz, p_keys text[], p_requests bytea[], p_events uuid[], p_customers text[], p_brands text[],
    p_types text[], p_purchases text[], p_values bigint[], p_bodies json[],
    g_places int[], g_campaigns int[], g_points bigint[], g_below bigint[], g_months int[],
    p_visits int[], p_days int[], p_spends int[], p_bounds bigint[], p_tiers int[], p_tier_bounds bigint[],
    p_webhooks int[]
) RETURNS TABLE (place int, outcome text, event_id uuid, balance bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    year int := extract(year FROM p_at AT TIME ZONE 'UTC');
    new_year timestamptz := make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC');
    fresh uuid[];
    -- Customers of the batch, locked.
    c_ids bigint[]; c_names text[]; c_tiers int[]; c_armed timestamptz[]; c_allowed boolean[];
    c_purchases bigint[]; c_spend bigint[];
    -- Events to be stored, and those that count.
    e_places int[]; e_customers bigint[]; q_places int[]; q_customers bigint[]; q_before bigint[];
    -- Customers with something that counts.
    s_ids bigint[]; s_counts bigint[]; s_values bigint[]; s_before bigint[]; s_tiers int[]; s_armed timestamptz[];
    w_ids bigint[]; w_balances bigint[]; w_earned bigint[];
    soonest timestamptz;
BEGIN
    WITH kept AS (
        INSERT INTO idempotency AS i (key, request, event_id, at)
        SELECT u.key, u.request, u.event, p_at FROM unnest(p_keys, p_requests, p_events) AS u (key, request, event)
        WHERE u.key IS NOT NULL ORDER BY u.key
        ON CONFLICT (key) DO NOTHING RETURNING i.event_id
    )
    SELECT array_agg(k.event_id) INTO fresh FROM kept k;

    -- Locked in the order of their numbers, so that batches do not wait for each other in circles.
    SELECT array_agg(c.id), array_agg(c.external_id), array_agg(c.tier), array_agg(c.armed_at), array_agg(c.allowed)
    INTO c_ids, c_names, c_tiers, c_armed, c_allowed
    FROM (
        SELECT c.id, c.external_id, c.tier, c.armed_at, s.behavioral_campaigns AS allowed
        FROM customer c JOIN consent s ON s.customer_id = c.id
        WHERE c.external_id = ANY (p_customers) ORDER BY c.id FOR UPDATE OF c
    ) c;
    SELECT array_agg(coalesce(life.purchases, 0) ORDER BY c.n), array_agg(coalesce(this.spend, 0) ORDER BY c.n)
    INTO c_purchases, c_spend
    FROM unnest(c_ids) WITH ORDINALITY AS c (id, n)
    LEFT JOIN metric life ON life.customer_id = c.id AND life.period = 0
    LEFT JOIN metric this ON this.customer_id = c.id AND this.period = year;

    WITH known AS (
        SELECT u.n::int AS n, c.id, u.type = 'PURCHASE' AND c.allowed AS counts,
               c.purchases + row_number() OVER (PARTITION BY c.id, u.type = 'PURCHASE' ORDER BY u.n) - 1 AS before
        FROM unnest(p_events, p_keys, p_customers, p_types) WITH ORDINALITY AS u (event, key, customer, type, n)
        JOIN unnest(c_ids, c_names, c_allowed, c_purchases) AS c (id, name, allowed, purchases) ON c.name = u.customer
        WHERE u.key IS NULL OR u.event = ANY (fresh)
    )
    SELECT array_agg(k.n), array_agg(k.id), array_agg(k.n) FILTER (WHERE k.counts),
           array_agg(k.id) FILTER (WHERE k.counts), array_agg(k.before) FILTER (WHERE k.counts)
    INTO e_places, e_customers, q_places, q_customers, q_before FROM known k;

    -- What was refused is not remembered.
    IF cardinality(c_ids) < cardinality(p_customers) THEN
        DELETE FROM idempotency i USING unnest(p_keys, p_events, p_customers) AS u (key, event, customer)
        WHERE i.key = u.key AND i.event_id = u.event AND u.customer <> ALL (c_names);
    END IF;

    INSERT INTO event (id, customer_id, brand, type, status, at, purchase_id, value, body)
    SELECT u.id, e.customer, u.brand, u.type, 'RESOLVED', p_at, u.purchase, u.value, u.body
    FROM unnest(p_events, p_brands, p_types, p_purchases, p_values, p_bodies) WITH ORDINALITY
        AS u (id, brand, type, purchase, value, body, n)
    JOIN unnest(e_places, e_customers) AS e (n, customer) ON e.n = u.n ORDER BY u.n;

    WITH made AS (
        INSERT INTO lot AS l (customer_id, campaign_id, event_id, amount, remaining, expires_at)
        SELECT q.customer, g.campaign, p_events[g.n], g.points, g.points, p_at + make_interval(months => g.months)
        FROM unnest(g_places, g_campaigns, g_points, g_below, g_months) AS g (n, campaign, points, below, months)
        JOIN unnest(q_places, q_customers, q_before) AS q (n, customer, before) ON q.n = g.n
        WHERE q.before < g.below ORDER BY g.n
        RETURNING l.id, l.customer_id, l.event_id, l.amount, l.expires_at
    ), booked AS (
        INSERT INTO ledger (customer_id, event_id, lot_id, kind, amount, at)
        SELECT m.customer_id, m.event_id, m.id, 'EARNED', m.amount, p_at FROM made m
    ), earned AS (
        SELECT m.customer_id, sum(m.amount)::bigint AS points, min(m.expires_at) AS expires_at
        FROM made m GROUP BY m.customer_id ORDER BY m.customer_id
    )
    SELECT array_agg(e.customer_id), array_agg(e.points), min(e.expires_at) INTO w_ids, w_earned, soonest FROM earned e;
    WITH paid AS (
        UPDATE wallet w SET balance = w.balance + e.points FROM unnest(w_ids, w_earned) AS e (id, points)
        WHERE w.customer_id = e.id RETURNING w.customer_id, w.balance
    )
    SELECT array_agg(p.customer_id), array_agg(p.balance) INTO w_ids, w_balances FROM paid p;

    SELECT array_agg(t.id), array_agg(t.count), array_agg(t.value), array_agg(t.spend), array_agg(t.tier), array_agg(t.armed)
    INTO s_ids, s_counts, s_values, s_before, s_tiers, s_armed
    FROM (
        SELECT c.id, count(*) AS count, sum(u.value)::bigint AS value, c.spend, c.tier, c.armed
        FROM unnest(q_places, q_customers) AS q (n, customer)
        JOIN unnest(p_values) WITH ORDINALITY AS u (value, n) ON u.n = q.n
        JOIN unnest(c_ids, c_spend, c_tiers, c_armed) AS c (id, spend, tier, armed) ON c.id = q.customer
        GROUP BY c.id, c.spend, c.tier, c.armed ORDER BY c.id
    ) t;
    INSERT INTO metric AS m (customer_id, period, purchases, spend, last_visit)
    SELECT s.id, p.period, s.count, s.value, p_at
    FROM unnest(s_ids, s_counts, s_values) AS s (id, count, value) CROSS JOIN (VALUES (0), (year)) AS p (period)
    ON CONFLICT (customer_id, period) DO UPDATE SET purchases = m.purchases + excluded.purchases,
        spend = m.spend + excluded.spend, last_visit = greatest(m.last_visit, excluded.last_visit);
    INSERT INTO membership AS m (customer_id, audience_id, since, flips_at)
    SELECT s, v.audience, p_at, p_at + make_interval(days => v.days)
    FROM unnest(s_ids) s CROSS JOIN unnest(p_visits, p_days) AS v (audience, days)
    ON CONFLICT (customer_id, audience_id) DO UPDATE SET flips_at = greatest(m.flips_at, excluded.flips_at);
    WITH passed AS (
        INSERT INTO membership AS m (customer_id, audience_id, since, flips_at)
        SELECT s.id, b.audience, p_at, new_year
        FROM unnest(s_ids, s_values, s_before) AS s (id, value, before)
        JOIN unnest(p_spends, p_bounds) AS b (audience, bound) ON s.before <= b.bound AND s.before + s.value > b.bound
        ON CONFLICT (customer_id, audience_id) DO NOTHING RETURNING m.flips_at
    )
    SELECT least(soonest, min(p.flips_at)) INTO soonest FROM passed p;
    UPDATE customer c SET tier = t.reached
    FROM (
        SELECT s.id, s.tier, (
            SELECT t.tier FROM unnest(p_tiers, p_tier_bounds) AS t (tier, bound)
            WHERE s.spent >= t.bound ORDER BY t.bound DESC LIMIT 1
        ) AS reached
        FROM (SELECT s.id, s.tier, s.before + s.value AS spent
              FROM unnest(s_ids, s_tiers, s_before, s_values) AS s (id, tier, before, value)) s
    ) t WHERE c.id = t.id AND t.reached > t.tier;

    SELECT least(soonest, p_at + make_interval(days => min(d))) INTO soonest FROM unnest(p_days) d;
    IF EXISTS (SELECT FROM unnest(s_armed) a WHERE a IS NULL OR soonest < a) THEN
        INSERT INTO wake_up (customer_id, at)
        SELECT s.id, soonest FROM unnest(s_ids, s_armed) AS s (id, armed) WHERE s.armed IS NULL OR soonest < s.armed
        ON CONFLICT (customer_id) DO UPDATE SET at = excluded.at;
        UPDATE customer c SET armed_at = soonest FROM unnest(s_ids, s_armed) AS s (id, armed)
        WHERE c.id = s.id AND (s.armed IS NULL OR soonest < s.armed);
    END IF;
    IF cardinality(p_webhooks) > 0 THEN
        INSERT INTO outbox (webhook_id, event_id, next_at)
        SELECT w, p_events[q], p_at FROM unnest(q_places) q CROSS JOIN unnest(p_webhooks) w;
    END IF;

    RETURN QUERY
    SELECT u.n::int,
           CASE WHEN e.n IS NOT NULL THEN 'RESOLVED' WHEN u.customer <> ALL (coalesce(c_names, '{}')) THEN 'unknown'
                WHEN i.request = u.request THEN 'repeated' ELSE 'conflict' END,
           CASE WHEN e.n IS NOT NULL THEN u.event ELSE i.event_id END, w.balance
    FROM unnest(p_keys, p_requests, p_events, p_customers) WITH ORDINALITY AS u (key, request, event, customer, n)
    LEFT JOIN unnest(e_places, e_customers) AS e (n, customer) ON e.n = u.n
    LEFT JOIN unnest(w_ids, w_balances) AS w (id, balance) ON w.id = e.customer
    LEFT JOIN idempotency i ON i.key = u.key AND e.n IS NULL
    ORDER BY u.n;
END $$;
