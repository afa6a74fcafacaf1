//! Batches: each row is judged alone, answered in order; the queue takes all or none.

use crate::house::{House, START, at};
use masivo_core::value::Timestamp;
use masivo_store::{Clock, ManualClock};
use std::sync::{Arc, Condvar, Mutex};

async fn shop(house: &House) {
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    for id in ["ana", "ben"] {
        let customer = format!(r#"{{"id": "{id}", "is_anonymous": true}}"#);
        house.post("/customers", &customer).await.expect(201);
    }
}

fn purchase(customer: &str, more: &str) -> String {
    format!(
        r#"{{"customer_id": "{customer}", "brand_id": "shop", "type": "PURCHASE", "order": {{"value": 5}}{more}}}"#
    )
}

#[tokio::test]
async fn rows_are_judged_alone_and_answered_in_order() {
    let house = House::new().await;
    shop(&house).await;
    let rows = [
        purchase("ana", ""),
        purchase("nobody", ""),
        r#"{"customer_id": "ana"}"#.to_owned(),
        "17".to_owned(),
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1e300}}"#.to_owned(),
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1}, "colour": 1}"#.to_owned(),
        purchase("ben", ""),
    ];
    let body = format!(r#"{{"events": [{}]}}"#, rows.join(","));
    let answer = house.post("/behavior/events/batch", &body).await.data();
    let statuses: Vec<String> =
        (0..rows.len()).map(|index| at(&answer, &format!("/{index}/status"))).collect();
    assert_eq!(statuses, ["200", "404", "400", "400", "400", "200", "200"], "{answer}");
    assert_eq!(at(&answer, "/1/code"), "customer_not_found");
    assert_eq!(at(&answer, "/4/problems/0/pointer"), "/order/value");
    assert_eq!(at(&answer, "/5/warnings/0/pointer"), "/colour");
    assert_eq!(at(&answer, "/6/data/customer_id"), "ben");
    assert_eq!(house.post("/behavior/events/batch", r#"{"events": []}"#).await.data().items().len(), 0);
    house.ended().await;
}

#[tokio::test]
async fn a_repeated_batch_acts_once_by_its_ids_or_its_key() {
    let house = House::new().await;
    shop(&house).await;
    let body =
        format!(r#"{{"events": [{}, {}]}}"#, purchase("ana", r#", "id": "order-1""#), purchase("ana", ""));
    let key = [("idempotency-key", "batch-1")];
    let first = house.ask_with("POST", "/behavior/events/batch", &body, &key).await.expect(200);
    let again = house.ask_with("POST", "/behavior/events/batch", &body, &key).await.expect(200);
    assert_eq!(first, again);
    let single = house.post("/behavior/events", &purchase("ana", r#", "id": "order-1""#)).await.data();
    assert_eq!(at(&single, "/id"), at(&first, "/data/0/data/id"));
    let other = house.post("/behavior/events", &purchase("ben", r#", "id": "order-1""#)).await;
    assert_eq!(other.code(409), "idempotency_key_reused");
    let customer = house.get("/customers/ana").await.data();
    assert_eq!(at(&customer, "/customer/metrics/lifetime/number_of_purchases"), "2");
    house.ended().await;
}

/// A clock that holds the writer up while its gate is closed.
#[derive(Debug)]
struct Gate {
    clock: ManualClock,
    closed: Mutex<bool>,
    moved: Condvar,
}

impl Gate {
    fn close(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.moved.notify_all();
    }
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        if std::thread::current().name() == Some("masivo-writer") {
            drop(self.moved.wait_while(self.closed.lock().unwrap(), |closed| *closed).unwrap());
        }
        self.clock.now()
    }

    fn runs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_full_queue_takes_the_whole_batch_or_none_of_it() {
    let clock = ManualClock::new(Timestamp::parse(START).unwrap());
    let gate = Arc::new(Gate { clock, closed: Mutex::new(false), moved: Condvar::new() });
    let at_the_gate = Arc::clone(&gate);
    let house = Arc::new(
        House::with(|config, _| {
            config.queue = 4;
            config.clock = at_the_gate;
        })
        .await,
    );
    shop(&house).await;
    // The writer is busy with one purchase, so there is room for three more.
    gate.close(true);
    let busy = Arc::clone(&house);
    let first = tokio::spawn(async move { busy.post("/behavior/events", &purchase("ana", "")).await });
    while house.handle.queued() == 0 {
        tokio::task::yield_now().await;
    }
    let rows: Vec<String> = (0..4).map(|_| purchase("ben", "")).collect();
    let body = format!(r#"{{"events": [{}]}}"#, rows.join(","));
    let refused = house.post("/behavior/events/batch", &body).await;
    assert_eq!(refused.headers.get("retry-after").unwrap(), "1");
    assert_eq!(refused.code(503), "overloaded");
    assert_eq!(house.handle.queued(), 1);
    gate.close(false);
    assert_eq!(at(&first.await.unwrap().data(), "/status"), "RESOLVED");
    let purchases = async || {
        at(&house.get("/customers/ben").await.data(), "/customer/metrics/lifetime/number_of_purchases")
    };
    assert_eq!(purchases().await, "0");
    assert_eq!(house.post("/behavior/events/batch", &body).await.data().items().len(), 4);
    assert_eq!(purchases().await, "4");
    Arc::into_inner(house).unwrap().ended().await;
}

#[tokio::test]
async fn lists_of_static_audiences_are_answered_row_by_row() {
    let house = House::new().await;
    let body = r#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#;
    house.post("/customers", body).await.expect(201);
    house.post("/customers", r#"{"id": "ghost", "is_anonymous": true}"#).await.expect(201);
    let audience = house.post("/audiences", r#"{"name": "list", "type": "STATIC"}"#).await.expect(201);
    let path = format!("/audiences/{}/members", at(&audience, "/data/id"));
    let rows = house.post(&path, r#"{"customers": ["ana", "ghost", "nobody", 7, "ana"]}"#).await.data();
    let statuses: Vec<String> = (0..5).map(|index| at(&rows, &format!("/{index}/status"))).collect();
    assert_eq!(statuses, ["200", "409", "404", "400", "200"], "{rows}");
    assert_eq!((at(&rows, "/0/data/changed"), at(&rows, "/4/data/changed")), ("true".into(), "false".into()));
    assert_eq!(house.get(&path).await.data().items().len(), 1);
    let rows = house.ask("DELETE", &path, r#"{"customers": ["ana"]}"#).await.data();
    assert_eq!(at(&rows, "/0/data/changed"), "true");
    assert_eq!(house.get(&path).await.data().items().len(), 0);
    assert_eq!(
        house.post("/audiences/none/members", r#"{"customers": ["ana"]}"#).await.code(404),
        "definition_not_found"
    );
    house.ended().await;
}
