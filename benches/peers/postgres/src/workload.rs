//! The load of benches/ingest.rs as it comes over the wire.

/// A walk over all customers without locality that visits each once before it starts over.
const fn visited(number: u64, customers: u64) -> u64 {
    number.wrapping_mul(7_368_787) % customers
}

/// The text of an event: about 700 bytes, three products.
pub fn event(number: u64, customers: u64) -> String {
    let customer = visited(number, customers);
    let line = |index: u32| {
        format!(
            r#"{{"sku": "sku-{index}", "amount": 2, "value": 12.5, "tags": {{"color": "red", "size": "m"}}, "metadata": {{"category": "lamps", "supplier": "acme lamps and more"}}}}"#
        )
    };
    format!(
        r#"{{"customer_id": "customer-{customer}", "brand_id": "shop", "type": "PURCHASE", "platform": "web", "order": {{"purchase_id": "order-{number}", "value": 37.5, "payment_method": "CREDIT", "store_id": "store-1", "channel_id": "web", "products": [{}, {}, {}]}}, "metadata": {{"session": "a session of some length", "campaign": "spring"}}}}"#,
        line(1),
        line(2),
        line(3)
    )
}

/// The body of a batch of events.
pub fn batch(first: u64, count: u64, customers: u64) -> String {
    let events: Vec<String> = (first..first + count).map(|number| event(number, customers)).collect();
    format!(r#"{{"events": [{}]}}"#, events.join(", "))
}

/// The registration of a customer.
pub fn customer(number: u64) -> String {
    format!(
        r#"{{"id": "customer-{number}", "name": "Name {number}", "email": "c{number}@example.com", "country": "EC", "consent": {{"purposes": {{"behavioral_campaigns": true, "email_marketing": true}}}}}}"#
    )
}

/// The programme, as requests: method, path, body. `{reward}` and `{template}` stand for ids of what was made before.
pub fn programme() -> Vec<(&'static str, &'static str, String)> {
    let mut requests = vec![
        ("PUT", "/brands/shop", r#"{"name": "Shop"}"#.to_owned()),
        ("POST", "/rewards", r#"{"name": "points", "type": "POINTS"}"#.to_owned()),
    ];
    for index in 0..20 {
        let bound = if index < 3 { 10 } else { 10_000 + index };
        let conditions = format!(
            r#"{{"type": "order.value", "operator": "greater_than", "value": {bound}}},
               {{"type": "order.payment_method", "operator": "in", "value": ["CREDIT", "DEBIT"]}},
               {{"type": "product.sku", "operator": "starts_with", "value": "sku"}},
               {{"type": "customer.metrics.lifetime.number_of_purchases", "operator": "less_than", "value": 1000000}}"#
        );
        let effect = r#"{"reward_id": "{reward}", "amount": 1, "expiration_date": "12/months", "per": {"type": "order.value", "unit": 10}}"#;
        let campaign = format!(
            r#"{{"name": "c{index}", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true, "rules": [{{"conditions": [[{conditions}]], "effects": [{effect}]}}]}}"#
        );
        requests.push(("POST", "/campaigns?type=BEHAVIOR", campaign));
    }
    for index in 0..10 {
        let condition = match index % 3 {
            0 => r#""customer.metrics.lifetime.last_visit", "operator": "within_last", "value": "30/days""#
                .into(),
            1 => format!(
                r#""customer.metrics.this_year.spend_total", "operator": "greater_than", "value": {}"#,
                index * 500
            ),
            _ => r#""customer.country", "operator": "equals", "value": "EC""#.to_owned(),
        };
        let audience = format!(r#"{{"name": "a{index}", "conditions": [[{{"type": {condition}}}]]}}"#);
        requests.push(("POST", "/audiences", audience));
    }
    requests.push(("POST", "/templates", r#"{"name": "t", "subject": "s", "text": "t"}"#.to_owned()));
    let journey = r#"{"name": "j", "trigger": {"type": "event", "event_type": "ADD_TO_CART"}, "exit": [{"event_type": "PURCHASE"}],
        "steps": [{"id": "w", "type": "wait", "minutes": 60, "next": "m"}, {"id": "m", "type": "send_email", "template_id": "{template}"}]}"#;
    requests.push(("POST", "/journeys", journey.to_owned()));
    requests
}
