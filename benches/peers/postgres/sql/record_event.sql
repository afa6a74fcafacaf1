-- Everything one event does, in one call. The caller judged what depends on the event alone: `p_campaigns` are the
-- campaigns it could earn from, each with its points, the number of purchases it must stay below, and its months.
CREATE FUNCTION record_event(
    p_key text, p_request bytea, p_event uuid, p_customer text, p_brand text, p_type text, p_at timestamptz,
    p_purchase text, p_value bigint, p_body json,
    p_campaigns int[], p_points bigint[], p_below bigint[], p_months int[],
    p_visits int[], p_days int[], p_spends int[], p_bounds bigint[], p_tiers int[], p_tier_bounds bigint[],
    p_webhooks int[],
    OUT outcome text, OUT event_id uuid, OUT balance bigint, OUT campaigns int[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    who record;
    before record;
    earned bigint;
    soonest timestamptz;
    year int := extract(year FROM p_at AT TIME ZONE 'UTC');
    spent bigint;
    reached int;
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency (key, request, event_id, at) VALUES (p_key, p_request, p_event, p_at)
        ON CONFLICT (key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT CASE WHEN i.request = p_request THEN 'repeated' ELSE 'conflict' END, i.event_id
            INTO outcome, event_id FROM idempotency i WHERE i.key = p_key;
            RETURN;
        END IF;
    END IF;
    SELECT c.id, c.tier, c.armed_at, s.behavioral_campaigns INTO who
    FROM customer c JOIN consent s ON s.customer_id = c.id WHERE c.external_id = p_customer FOR UPDATE OF c;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no customer %', p_customer USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO event (id, customer_id, brand, type, status, at, purchase_id, value, body)
    VALUES (p_event, who.id, p_brand, p_type, 'RESOLVED', p_at, p_purchase, p_value, p_body);
    outcome := 'RESOLVED';
    event_id := p_event;
    IF NOT who.behavioral_campaigns OR p_type <> 'PURCHASE' THEN
        RETURN;
    END IF;

    -- Campaigns see the customer as before the event.
    SELECT coalesce(max(m.purchases) FILTER (WHERE m.period = 0), 0) AS purchases,
           coalesce(max(m.spend) FILTER (WHERE m.period = year), 0) AS spend
    INTO before FROM metric m WHERE m.customer_id = who.id AND m.period IN (0, year);
    WITH made AS (
        INSERT INTO lot (customer_id, campaign_id, event_id, amount, remaining, expires_at)
        SELECT who.id, g.campaign, p_event, g.points, g.points, p_at + make_interval(months => g.months)
        FROM unnest(p_campaigns, p_points, p_below, p_months) AS g (campaign, points, below, months)
        WHERE before.purchases < g.below
        RETURNING id, campaign_id, amount, expires_at
    ), booked AS (
        INSERT INTO ledger (customer_id, event_id, lot_id, kind, amount, at)
        SELECT who.id, p_event, made.id, 'EARNED', made.amount, p_at FROM made
    )
    SELECT coalesce(sum(made.amount), 0), min(made.expires_at), array_agg(made.campaign_id)
    INTO earned, soonest, campaigns FROM made;
    UPDATE wallet w SET balance = w.balance + earned WHERE w.customer_id = who.id RETURNING w.balance INTO balance;

    INSERT INTO metric AS m (customer_id, period, purchases, spend, last_visit)
    VALUES (who.id, 0, 1, p_value, p_at), (who.id, year, 1, p_value, p_at)
    ON CONFLICT (customer_id, period) DO UPDATE SET purchases = m.purchases + 1,
        spend = m.spend + excluded.spend, last_visit = greatest(m.last_visit, excluded.last_visit);
    spent := before.spend + p_value;
    SELECT t.tier INTO reached FROM unnest(p_tiers, p_tier_bounds) AS t (tier, bound)
    WHERE spent >= t.bound ORDER BY t.bound DESC LIMIT 1;

    -- Those who visited: in, until so many days from now. Those who spent: in, once the bound is passed, until new year.
    INSERT INTO membership AS m (customer_id, audience_id, since, flips_at)
    SELECT who.id, v.audience, p_at, p_at + make_interval(days => v.days)
    FROM unnest(p_visits, p_days) AS v (audience, days)
    ON CONFLICT (customer_id, audience_id) DO UPDATE SET flips_at = greatest(m.flips_at, excluded.flips_at);
    WITH passed AS (
        INSERT INTO membership AS m (customer_id, audience_id, since, flips_at)
        SELECT who.id, s.audience, p_at, make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC')
        FROM unnest(p_spends, p_bounds) AS s (audience, bound)
        WHERE spent > s.bound AND before.spend <= s.bound
        ON CONFLICT (customer_id, audience_id) DO NOTHING RETURNING m.flips_at
    )
    SELECT least(soonest, min(p.flips_at)) INTO soonest FROM passed p;

    -- An earlier wake-up is written at once; a later one when the one that is set fires.
    SELECT least(soonest, p_at + make_interval(days => min(d))) INTO soonest FROM unnest(p_days) d;
    IF who.armed_at IS NULL OR soonest < who.armed_at THEN
        INSERT INTO wake_up (customer_id, at) VALUES (who.id, soonest)
        ON CONFLICT (customer_id) DO UPDATE SET at = excluded.at;
        who.armed_at := soonest;
        UPDATE customer SET armed_at = soonest WHERE id = who.id;
    END IF;
    IF reached > who.tier THEN
        UPDATE customer SET tier = reached WHERE id = who.id;
    END IF;
    IF cardinality(p_webhooks) > 0 THEN
        INSERT INTO outbox (webhook_id, event_id, next_at) SELECT w, p_event, p_at FROM unnest(p_webhooks) w;
    END IF;
END $$;
