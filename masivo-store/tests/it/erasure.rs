//! Nothing personal is left in any byte of any file once a customer was deleted (B6).

use crate::files::Folder;
use masivo_core::Command;
use masivo_core::program::Kind;
use masivo_core::value::Json;
use masivo_store::conformance::{House, start_instant};
use masivo_store::{Mode, SqliteBackend, Work};
use std::path::Path;

const MARKER: &str = "zebrafink";

/// The files of a folder that contain the marker, in any case of letters.
fn files_with_marker(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
        if bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn no_byte_of_any_file_shows_a_deleted_customer() {
    let folder = Folder::new();
    let house =
        House::open(SqliteBackend::open(&folder.file(), Mode::Test, Some([7; 16])).unwrap(), start_instant());
    house.furnish();
    let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
    let register = json(
        r#"{"id": "id-Zebrafink", "name": "ZEBRAFINK", "email": "zebrafink@example.com", "phone": "zebrafink",
            "tags": {"a": "zebrafink"}, "metadata": {"zebrafink": 1}, "devices": [{"device_token": "zebrafink"}],
            "consent": {"consent_string": "zebrafink", "purposes": {"behavioral_campaigns": true}}}"#,
    );
    house.submit(Command::Register(register).into(), Some("key")).unwrap();
    let template =
        house.define(Kind::Template, None, r#"{"name": "t", "subject": "s", "text": "{{customer.name}}"}"#);
    let journey = format!(
        r#"{{"name": "j", "trigger": {{"type": "event", "event_type": "ADD_TO_CART"}},
            "steps": [{{"id": "mail", "type": "send_email", "template_id": "{}"}}]}}"#,
        template.text("id").unwrap()
    );
    house.define(Kind::Journey, None, &journey);
    // Past events are kept beside the customer with the values that are looked at.
    for (name, event, field) in
        [("how", "PURCHASE", "order.payment_method"), ("what", "ADD_TO_CART", "event.metadata.x")]
    {
        let condition = format!(
            r#"{{"type": "events.last", "event": "{event}", "field": "{field}", "operator": "equals", "value": "x"}}"#
        );
        house.define(Kind::Audience, None, &format!(r#"{{"name": "{name}", "conditions": {condition}}}"#));
    }
    for event in [
        r#"{"customer_id": "id-Zebrafink", "brand_id": "shop", "type": "ADD_TO_CART", "metadata": {"x": "zebrafink"}}"#,
        r#"{"customer_id": "id-Zebrafink", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 10, "payment_method": "zebrafink"}}"#,
        r#"{"customer_id": "id-Zebrafink", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 5}, "fulfilled": false, "tags": {"y": "zebrafink"}}"#,
    ] {
        let (event, _) = masivo_core::events::read_event(&json(event), false).unwrap();
        house.submit(Command::Emit(event).into(), None).unwrap();
    }
    let change = json(r#"{"name": "zebrafink again", "email": "other.zebrafink@example.com"}"#);
    house.submit(Command::Patch { customer: "id-Zebrafink".into(), request: change }.into(), None).unwrap();
    house.handle().submit_blocking(Work::ClaimDeliveries { limit: 10 }).unwrap();
    assert!(!files_with_marker(folder.path()).is_empty(), "the test looks where the data is");
    let customer = house.handle().reader().unwrap().customer_by_id("id-Zebrafink").unwrap().unwrap();
    let kept = customer.series.series.values().flat_map(|entries| entries.iter());
    assert_eq!(kept.filter(|entry| entry.value.as_text() == Some(MARKER)).count(), 2, "in series too");

    house.submit(Command::Delete { customer: "id-Zebrafink".into() }.into(), Some("delete")).unwrap();
    assert_eq!(files_with_marker(folder.path()), Vec::<String>::new());
    house.verified_hash();
    house.close();
    assert_eq!(files_with_marker(folder.path()), Vec::<String>::new());
}

#[test]
fn a_process_that_dies_before_old_pages_are_gone_leaves_none_for_the_next() {
    let folder = Folder::new();
    let house =
        House::open(SqliteBackend::open(&folder.file(), Mode::Test, Some([7; 16])).unwrap(), start_instant());
    house.furnish().register(MARKER).unwrap();
    // Somebody reads while the customer is deleted: the log cannot be emptied.
    let reader = house.handle().reader().unwrap();
    assert_eq!(reader.customer_count().unwrap(), 1);
    house.submit(Command::Delete { customer: MARKER.into() }.into(), None).unwrap();
    assert!(!files_with_marker(folder.path()).is_empty(), "the log still shows it");
    // The process dies here: these are its files.
    let left = Folder::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, left.path().join(path.file_name().unwrap())).unwrap();
    }
    let next = SqliteBackend::open(&left.file(), Mode::Test, None).unwrap();
    assert_eq!(files_with_marker(left.path()), Vec::<String>::new());
    drop(next);
    // The one that lives tries again once the reader is gone, also when nobody asks for anything.
    drop(reader);
    house.close();
    assert_eq!(files_with_marker(folder.path()), Vec::<String>::new());
}
