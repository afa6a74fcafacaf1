-- Everything one event does, in one call: the customer's row is read, the fact appended, the row rewritten.
-- When a membership ends follows from the last visit and the year, so it is written nowhere but in the wake-up.
-- The parameters are those of the conventional tables, so that a server calls either.
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
    who customer;
    was int[];
    fact_sequence bigint;
    points bigint[] := '{}';
    expiries timestamptz[] := '{}';
    year int := extract(year FROM p_at AT TIME ZONE 'UTC');
    spent_before bigint;
    soonest timestamptz;
    n int;
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency (key, request, event) VALUES (p_key, p_request, p_event) ON CONFLICT (key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT CASE WHEN i.request = p_request THEN 'repeated' ELSE 'conflict' END, i.event
            INTO outcome, event_id FROM idempotency i WHERE i.key = p_key;
            RETURN;
        END IF;
    END IF;
    SELECT * INTO who FROM customer c WHERE c.id = p_customer FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no customer %', p_customer USING ERRCODE = 'no_data_found';
    END IF;
    outcome := 'RESOLVED';
    event_id := p_event;
    was := who.audiences;
    campaigns := '{}';
    IF who.behavioral_campaigns AND p_type = 'PURCHASE' THEN
        FOR n IN 1 .. cardinality(p_campaigns) LOOP
            IF who.purchases < p_below[n] THEN
                campaigns := campaigns || p_campaigns[n];
                points := points || p_points[n];
                expiries := expiries || p_at + make_interval(months => p_months[n]);
                who.balance := who.balance + p_points[n];
                soonest := least(soonest, expiries[cardinality(expiries)]);
            END IF;
        END LOOP;
        IF who.year <> year THEN
            who.year := year;
            who.year_purchases := 0;
            who.year_spend := 0;
        END IF;
        spent_before := who.year_spend;
        who.purchases := who.purchases + 1;
        who.spend := who.spend + p_value;
        who.year_purchases := who.year_purchases + 1;
        who.year_spend := who.year_spend + p_value;
        who.last_visit := greatest(who.last_visit, p_at);
        FOR n IN 1 .. cardinality(p_tiers) LOOP
            IF who.year_spend >= p_tier_bounds[n] AND p_tiers[n] > who.tier THEN
                who.tier := p_tiers[n];
            END IF;
        END LOOP;
        FOR n IN 1 .. cardinality(p_visits) LOOP
            IF p_visits[n] <> ALL (who.audiences) THEN
                who.audiences := who.audiences || p_visits[n];
            END IF;
            soonest := least(soonest, who.last_visit + make_interval(days => p_days[n]));
        END LOOP;
        FOR n IN 1 .. cardinality(p_spends) LOOP
            IF who.year_spend > p_bounds[n] AND spent_before <= p_bounds[n] THEN
                who.audiences := who.audiences || p_spends[n];
                soonest := least(soonest, make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC'));
            END IF;
        END LOOP;
    END IF;

    INSERT INTO fact (customer, previous, at, kind, status, event, value, campaigns, points, payload)
    VALUES (who.key, who.previous, p_at, 3, 1, p_event, p_value, campaigns, points, p_body::text)
    RETURNING sequence INTO fact_sequence;
    IF cardinality(who.lot_points) + cardinality(points) <= 63 THEN
        who.lot_points := who.lot_points || points;
        who.lot_campaigns := who.lot_campaigns || campaigns;
        who.lot_expiries := who.lot_expiries || expiries;
    ELSE
        INSERT INTO later_lot (customer, sequence, campaign, points, expires_at)
        SELECT who.key, fact_sequence, l.campaign, l.points, l.expires_at
        FROM unnest(campaigns, points, expiries) AS l (campaign, points, expires_at);
    END IF;
    IF soonest IS NOT NULL AND (who.armed_at IS NULL OR soonest < who.armed_at) THEN
        who.armed_at := soonest;
        INSERT INTO wake_up (customer, at) VALUES (who.key, soonest)
        ON CONFLICT (customer) DO UPDATE SET at = excluded.at;
    END IF;
    UPDATE customer c SET tier = who.tier, balance = who.balance, purchases = who.purchases, spend = who.spend,
        last_visit = who.last_visit, year = who.year, year_purchases = who.year_purchases,
        year_spend = who.year_spend, audiences = who.audiences, armed_at = who.armed_at,
        previous = fact_sequence, lot_points = who.lot_points, lot_campaigns = who.lot_campaigns,
        lot_expiries = who.lot_expiries
    WHERE c.key = who.key;
    IF cardinality(who.audiences) > cardinality(was) THEN
        INSERT INTO member (audience, customer, since)
        SELECT a, who.key, p_at FROM unnest(who.audiences) a WHERE a <> ALL (was) ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(p_webhooks) > 0 THEN
        INSERT INTO outbox (webhook, event, next_at) SELECT w, p_event, p_at FROM unnest(p_webhooks) w;
    END IF;
    balance := who.balance;
END $$;
