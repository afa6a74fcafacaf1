//! What is written to the log: one line a request, and nothing personal.

use crate::house::House;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A word that is nowhere but in personal values.
const MARK: &str = "Zquorl";

#[tokio::test]
async fn one_line_a_request_and_nothing_personal() {
    // Whatever any server of these tests says comes here.
    let page = Page::default();
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::INFO).with_writer(page.clone()).init();
    let house = House::new().await;
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    let customer = format!(
        r#"{{"id": "{MARK}", "name": "{MARK}", "email": "{MARK}@example.com", "tags": {{"t": "{MARK}"}}}}"#
    );
    let first = house.post("/customers", &customer).await;
    let number = first.headers.get("x-request-id").unwrap().to_str().unwrap().to_owned();
    house.post("/customers", &customer).await.expect(409);
    house.get(&format!("/customers/{MARK}")).await.data();
    house.get(&format!("/customers/{MARK}x?{MARK}={MARK}")).await.expect(404);
    house.get(&format!("/{MARK}")).await.expect(404);
    house.ask(MARK, "/tiers", "").await.expect(405);
    house
        .post("/customers", &format!(r#"{{"id": "{MARK}", "gender": "{MARK}", "{MARK}": 1"#))
        .await
        .expect(400);
    house.ask_with("GET", "/tiers", "", &[("x-request-id", MARK), ("user-agent", MARK)]).await.data();
    let event = format!(
        r#"{{"customer_id": "{MARK}", "brand_id": "shop", "type": "PURCHASE", "order": {{"value": 1}}, "metadata": {{"x": "{MARK}"}}}}"#
    );
    house.post("/behavior/events", &event).await.data();
    house.delete(&format!("/customers/{MARK}")).await.data();
    house.ended().await;
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(!text.to_lowercase().contains(&MARK.to_lowercase()), "{text}");
    // Numbers of requests begin with one of the server.
    let server = format!(r#""request_id":"{}-"#, number.split('-').next().unwrap());
    let of_server = text.lines().filter(|line| line.contains(&server));
    let requests: Vec<&str> = of_server.filter(|line| line.contains("masivo_server::request")).collect();
    assert_eq!(requests.len(), 11, "{text}");
    let registered = requests.iter().find(|line| line.contains(&number)).unwrap();
    for part in [
        r#""method":"POST""#,
        r#""path":"/api/storefront/v1/customers""#,
        r#""status":201"#,
        r#""milliseconds":"#,
    ] {
        assert!(registered.contains(part), "{part} is not in {registered}");
    }
    assert!(requests.iter().any(|line| line.contains(r#""path":"unmatched","status":404"#)), "{text}");
    assert!(requests.iter().any(|line| line.contains(r#""method":"OTHER""#)), "{text}");
}
