-- The same for many events in one transaction, set by set: what a customer's row becomes is one update.
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
    fresh uuid[];
    -- Customers of the batch, locked.
    c_keys bigint[]; c_names text[]; c_allowed boolean[]; c_purchases bigint[]; c_spend bigint[]; c_previous bigint[];
    c_lots int[]; c_armed timestamptz[]; c_visited boolean[];
    -- Events to be stored: where, whose, after which fact, after how many purchases, and whether they count.
    e_places int[]; e_sequences bigint[]; e_customers bigint[]; e_previous bigint[]; e_before bigint[]; e_counts boolean[];
    -- What they earn, and with what each customer's row is rewritten.
    g_customers bigint[]; g_sequences bigint[]; g_expiries timestamptz[];
    s_keys bigint[]; s_last bigint[]; s_counts bigint[]; s_values bigint[]; s_joined boolean[];
    w_keys bigint[]; w_balances bigint[];
    soonest timestamptz;
BEGIN
    WITH kept AS (
        INSERT INTO idempotency AS i (key, request, event)
        SELECT u.key, u.request, u.event FROM unnest(p_keys, p_requests, p_events) AS u (key, request, event)
        WHERE u.key IS NOT NULL ORDER BY u.key
        ON CONFLICT (key) DO NOTHING RETURNING i.event
    )
    SELECT array_agg(k.event) INTO fresh FROM kept k;
    SELECT array_agg(c.key), array_agg(c.id), array_agg(c.behavioral_campaigns), array_agg(c.purchases),
           array_agg(CASE WHEN c.year = year THEN c.year_spend ELSE 0 END), array_agg(c.previous),
           array_agg(cardinality(c.lot_points)), array_agg(c.armed_at), array_agg(c.audiences @> p_visits)
    INTO c_keys, c_names, c_allowed, c_purchases, c_spend, c_previous, c_lots, c_armed, c_visited
    FROM (SELECT * FROM customer c WHERE c.id = ANY (p_customers) ORDER BY c.key FOR UPDATE) c;

    WITH known AS (
        SELECT u.n::int AS n, nextval('fact_sequence_seq') AS sequence, c.key, c.purchases, c.previous,
               u.type = 'PURCHASE' AND c.allowed AS counts
        FROM unnest(p_events, p_keys, p_customers, p_types) WITH ORDINALITY AS u (event, key, customer, type, n)
        JOIN unnest(c_keys, c_names, c_allowed, c_purchases, c_previous) AS c (key, name, allowed, purchases, previous)
            ON c.name = u.customer
        WHERE u.key IS NULL OR u.event = ANY (fresh)
    ), chained AS (
        SELECT k.*, lag(k.sequence, 1, k.previous) OVER (PARTITION BY k.key ORDER BY k.sequence) AS after,
               k.purchases + row_number() OVER (PARTITION BY k.key, k.counts ORDER BY k.sequence) - 1 AS before
        FROM known k
    )
    SELECT array_agg(k.n), array_agg(k.sequence), array_agg(k.key), array_agg(k.after), array_agg(k.before), array_agg(k.counts)
    INTO e_places, e_sequences, e_customers, e_previous, e_before, e_counts FROM chained k;
    IF cardinality(c_keys) < cardinality(p_customers) THEN
        DELETE FROM idempotency i USING unnest(p_keys, p_events, p_customers) AS u (key, event, customer)
        WHERE i.key = u.key AND i.event = u.event AND u.customer <> ALL (c_names);
    END IF;

    SELECT array_agg(e.customer), array_agg(e.sequence), array_agg(g.campaign), array_agg(g.points),
           array_agg(p_at + make_interval(months => g.months)), min(p_at + make_interval(months => g.months))
    INTO g_customers, g_sequences, g_campaigns, g_points, g_expiries, soonest
    FROM unnest(g_places, g_campaigns, g_points, g_below, g_months) AS g (n, campaign, points, below, months)
    JOIN unnest(e_places, e_customers, e_sequences, e_before, e_counts) AS e (n, customer, sequence, before, counts)
        ON e.n = g.n AND e.counts AND e.before < g.below;
    INSERT INTO fact (sequence, customer, previous, at, kind, status, event, value, campaigns, points, payload)
    SELECT e.sequence, e.customer, e.previous, p_at, 3, 1, u.event, u.value, g.campaigns, g.points, u.body::text
    FROM unnest(e_places, e_sequences, e_customers, e_previous) AS e (n, sequence, customer, previous)
    JOIN unnest(p_events, p_values, p_bodies) WITH ORDINALITY AS u (event, value, body, n) ON u.n = e.n
    LEFT JOIN (
        SELECT g.sequence, array_agg(g.campaign) AS campaigns, array_agg(g.points) AS points
        FROM unnest(g_sequences, g_campaigns, g_points) AS g (sequence, campaign, points) GROUP BY g.sequence
    ) g ON g.sequence = e.sequence ORDER BY e.sequence;

    SELECT array_agg(t.key), array_agg(t.last), array_agg(t.count), array_agg(t.value), array_agg(t.count > 0 AND (
               NOT t.visited OR EXISTS (SELECT FROM unnest(p_bounds) b WHERE t.spend <= b AND t.spend + t.value > b)))
    INTO s_keys, s_last, s_counts, s_values, s_joined
    FROM (
        SELECT c.key, c.visited, c.spend, max(e.sequence) AS last, count(*) FILTER (WHERE e.counts) AS count,
               coalesce(sum(p_values[e.n]) FILTER (WHERE e.counts), 0)::bigint AS value
        FROM unnest(e_places, e_sequences, e_customers, e_counts) AS e (n, sequence, customer, counts)
        JOIN unnest(c_keys, c_visited, c_spend) AS c (key, visited, spend) ON c.key = e.customer
        GROUP BY c.key, c.visited, c.spend
    ) t;
    -- Those who visited for the first time in a while, and those who passed a bound.
    IF true = ANY (s_joined) THEN
        WITH joined AS (
            SELECT c.key, array_agg(a.audience) AS audiences
            FROM unnest(s_keys, s_values, s_joined) AS s (key, value, joined) JOIN customer c ON c.key = s.key
            JOIN (SELECT v AS audience, NULL::bigint AS bound FROM unnest(p_visits) v UNION ALL
                  SELECT * FROM unnest(p_spends, p_bounds)) a
                ON a.audience <> ALL (c.audiences)
               AND (a.bound IS NULL OR CASE WHEN c.year = year THEN c.year_spend ELSE 0 END + s.value > a.bound)
            WHERE s.joined GROUP BY c.key
        ), listed AS (
            INSERT INTO member (audience, customer, since)
            SELECT a, j.key, p_at FROM joined j CROSS JOIN unnest(j.audiences) a ON CONFLICT DO NOTHING
        )
        UPDATE customer c SET audiences = c.audiences || j.audiences FROM joined j WHERE c.key = j.key;
        soonest := least(soonest, make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC'));
    END IF;
    SELECT least(soonest, p_at + make_interval(days => min(d))) INTO soonest FROM unnest(p_days) d;
    IF EXISTS (SELECT FROM unnest(c_armed) a WHERE a IS NULL OR soonest < a) THEN
        INSERT INTO wake_up (customer, at)
        SELECT s.key, soonest FROM unnest(s_keys, s_counts) AS s (key, count)
        JOIN unnest(c_keys, c_armed) AS c (key, armed) ON c.key = s.key
        WHERE s.count > 0 AND (c.armed IS NULL OR soonest < c.armed)
        ON CONFLICT (customer) DO UPDATE SET at = excluded.at;
    END IF;

    WITH earned AS (
        SELECT g.customer, sum(g.points)::bigint AS total, array_agg(g.points) AS points,
               array_agg(g.campaign) AS campaigns, array_agg(g.expires_at) AS expiries
        FROM unnest(g_customers, g_points, g_campaigns, g_expiries) AS g (customer, points, campaign, expires_at)
        GROUP BY g.customer
    ), rewritten AS (
        UPDATE customer c SET previous = s.last, purchases = c.purchases + s.count, spend = c.spend + s.value,
            balance = c.balance + coalesce(g.total, 0),
            last_visit = CASE WHEN s.count > 0 THEN greatest(c.last_visit, p_at) ELSE c.last_visit END,
            year = CASE WHEN s.count > 0 THEN year ELSE c.year END,
            year_purchases = CASE WHEN c.year = year OR s.count = 0 THEN c.year_purchases ELSE 0 END + s.count,
            year_spend = CASE WHEN c.year = year OR s.count = 0 THEN c.year_spend ELSE 0 END + s.value,
            tier = greatest(c.tier, (
                SELECT t.tier FROM unnest(p_tiers, p_tier_bounds) AS t (tier, bound)
                WHERE s.count > 0 AND s.value + CASE WHEN c.year = year THEN c.year_spend ELSE 0 END >= t.bound
                ORDER BY t.bound DESC LIMIT 1)),
            armed_at = CASE WHEN s.count > 0 THEN least(c.armed_at, soonest) ELSE c.armed_at END,
            lot_points = CASE WHEN g.fits THEN c.lot_points || g.points ELSE c.lot_points END,
            lot_campaigns = CASE WHEN g.fits THEN c.lot_campaigns || g.campaigns ELSE c.lot_campaigns END,
            lot_expiries = CASE WHEN g.fits THEN c.lot_expiries || g.expiries ELSE c.lot_expiries END
        FROM unnest(s_keys, s_last, s_counts, s_values) AS s (key, last, count, value)
        JOIN unnest(c_keys, c_lots) AS l (key, lots) ON l.key = s.key
        LEFT JOIN LATERAL (
            SELECT e.*, l.lots + cardinality(e.points) <= 63 AS fits FROM earned e WHERE e.customer = s.key
        ) g ON true
        WHERE c.key = s.key RETURNING c.key, c.balance
    ), later AS (
        INSERT INTO later_lot (customer, sequence, campaign, points, expires_at)
        SELECT g.customer, g.sequence, g.campaign, g.points, g.expires_at
        FROM unnest(g_customers, g_sequences, g_campaigns, g_points, g_expiries)
            AS g (customer, sequence, campaign, points, expires_at)
        JOIN earned e ON e.customer = g.customer JOIN unnest(c_keys, c_lots) AS l (key, lots) ON l.key = g.customer
        WHERE l.lots + cardinality(e.points) > 63
    )
    SELECT array_agg(r.key), array_agg(r.balance) INTO w_keys, w_balances FROM rewritten r;
    IF cardinality(p_webhooks) > 0 THEN
        INSERT INTO outbox (webhook, event, next_at)
        SELECT w, p_events[e.n], p_at FROM unnest(e_places, e_counts) AS e (n, counts) CROSS JOIN unnest(p_webhooks) w
        WHERE e.counts;
    END IF;

    RETURN QUERY
    SELECT u.n::int,
           CASE WHEN e.n IS NOT NULL THEN 'RESOLVED' WHEN u.customer <> ALL (coalesce(c_names, '{}')) THEN 'unknown'
                WHEN i.request = u.request THEN 'repeated' ELSE 'conflict' END,
           CASE WHEN e.n IS NOT NULL THEN u.event ELSE i.event END, w.balance
    FROM unnest(p_keys, p_requests, p_events, p_customers) WITH ORDINALITY AS u (key, request, event, customer, n)
    LEFT JOIN unnest(e_places, e_customers) AS e (n, customer) ON e.n = u.n
    LEFT JOIN unnest(w_keys, w_balances) AS w (key, balance) ON w.key = e.customer
    LEFT JOIN idempotency i ON i.key = u.key AND e.n IS NULL
    ORDER BY u.n;
END $$;
