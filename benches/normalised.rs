//! The schema one writes first: a table a concept, text ids, the usual indices. It keeps the same things an event and
//! decides nothing: what its storage alone costs is what is compared.

use crate::load::{NEXT, event_text, visited};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::atomic::Ordering;

const SCHEMA: &str = "
PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -65536;
CREATE TABLE customer (id TEXT PRIMARY KEY, reference TEXT UNIQUE, email TEXT UNIQUE, name TEXT, tier TEXT);
CREATE TABLE consent (customer_id TEXT, purpose TEXT, granted INTEGER, PRIMARY KEY (customer_id, purpose));
CREATE TABLE event (id TEXT PRIMARY KEY, customer_id TEXT, type TEXT, brand TEXT, issued_at TEXT, status TEXT, body TEXT);
CREATE INDEX event_customer ON event (customer_id, issued_at);
CREATE INDEX event_type ON event (type, issued_at);
CREATE TABLE product (id TEXT PRIMARY KEY, event_id TEXT, sku TEXT, amount INTEGER, value REAL);
CREATE INDEX product_event ON product (event_id);
CREATE TABLE lot (id TEXT PRIMARY KEY, customer_id TEXT, campaign TEXT, event_id TEXT, amount REAL, remaining REAL, expires_at TEXT);
CREATE INDEX lot_customer ON lot (customer_id, expires_at);
CREATE TABLE entry (id TEXT PRIMARY KEY, customer_id TEXT, event_id TEXT, lot_id TEXT, kind TEXT, amount REAL, at TEXT);
CREATE INDEX entry_customer ON entry (customer_id, at);
CREATE TABLE balance (customer_id TEXT, reward TEXT, amount REAL, PRIMARY KEY (customer_id, reward));
CREATE TABLE metric (customer_id TEXT, period TEXT, spend REAL, purchases INTEGER, last_visit TEXT, PRIMARY KEY (customer_id, period));
CREATE TABLE membership (audience TEXT, customer_id TEXT, since TEXT, until TEXT, PRIMARY KEY (audience, customer_id));
CREATE INDEX membership_until ON membership (until);
CREATE TABLE evaluation (id TEXT PRIMARY KEY, event_id TEXT, campaign TEXT, matched INTEGER, reason TEXT);
CREATE INDEX evaluation_event ON evaluation (event_id);
";

pub(crate) struct Normalised {
    connection: Connection,
    customers: u64,
    ids: u64,
}

impl Normalised {
    pub(crate) fn new(path: &Path, customers: u64) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        let mut side = Self { connection, customers, ids: 0 };
        side.run("BEGIN", []);
        for customer in 0..customers {
            let id = customer_id(customer);
            let (reference, email) = (format!("customer-{customer}"), format!("c{customer}@example.com"));
            side.run(
                "INSERT INTO customer VALUES (?1, ?2, ?3, 'Name', 'base')",
                params![id, reference, email],
            );
            for purpose in ["behavioral_campaigns", "email_marketing"] {
                side.run("INSERT INTO consent VALUES (?1, ?2, 1)", params![id, purpose]);
            }
        }
        side.run("COMMIT", []);
        side
    }

    fn run(&mut self, sql: &str, parameters: impl rusqlite::Params) {
        self.connection.prepare_cached(sql).unwrap().execute(parameters).unwrap();
    }

    /// Ids in the order of time, as version 7 makes them.
    fn id(&mut self) -> String {
        self.ids += 1;
        let hash = self.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
        let random = [hash.as_slice(), &hash[..2]].concat().try_into().unwrap();
        uuid::Builder::from_unix_timestamp_millis(1_780_000_000_000 + self.ids / 64, &random)
            .into_uuid()
            .to_string()
    }

    pub(crate) fn group(&mut self, events: usize) {
        self.run("BEGIN IMMEDIATE", []);
        (0..events).for_each(|_| self.event());
        self.run("COMMIT", []);
    }

    fn event(&mut self) {
        let body = event_text(self.customers);
        let customer = customer_id(visited(NEXT.load(Ordering::Relaxed) - 1, self.customers));
        let (event, at) = (self.id(), "2026-03-01T12:00:00.000Z");
        let allowed: i64 = self
            .connection
            .prepare_cached(
                "SELECT granted FROM consent WHERE customer_id = ?1 AND purpose = 'behavioral_campaigns'",
            )
            .unwrap()
            .query_row([&customer], |row| row.get(0))
            .unwrap();
        assert_eq!(allowed, 1);
        self.run(
            "INSERT INTO event VALUES (?1, ?2, 'PURCHASE', 'shop', ?3, 'RESOLVED', ?4)",
            params![event, customer, at, body],
        );
        for sku in ["sku-1", "sku-2", "sku-3"] {
            let id = self.id();
            self.run("INSERT INTO product VALUES (?1, ?2, ?3, 2, 12.5)", params![id, event, sku]);
        }
        for campaign in 0..20 {
            let id = self.id();
            self.run(
                "INSERT INTO evaluation VALUES (?1, ?2, ?3, ?4, 'order.value greater_than')",
                params![id, event, format!("campaign-{campaign}"), campaign < 3],
            );
        }
        for campaign in ["campaign-0", "campaign-1", "campaign-2"] {
            let (lot, entry) = (self.id(), self.id());
            self.run(
                "INSERT INTO lot VALUES (?1, ?2, ?3, ?4, 3, 3, '2027-03-01T12:00:00.000Z')",
                params![lot, customer, campaign, event],
            );
            self.run(
                "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, 'ACCUMULATION', 3, ?5)",
                params![entry, customer, event, lot, at],
            );
        }
        self.run(
            "INSERT INTO balance VALUES (?1, 'points', 9) ON CONFLICT DO UPDATE SET amount = amount + 9",
            [&customer],
        );
        for period in ["lifetime", "this_year", "this_quarter", "this_month"] {
            self.run(
                "INSERT INTO metric VALUES (?1, ?2, 37.5, 1, ?3)
                 ON CONFLICT DO UPDATE SET spend = spend + 37.5, purchases = purchases + 1, last_visit = ?3",
                params![customer, period, at],
            );
        }
        for audience in ["a0", "a3", "a6", "a9"] {
            self.run(
                "INSERT INTO membership VALUES (?1, ?2, ?3, '2026-03-31T12:00:00.000Z')
                 ON CONFLICT DO UPDATE SET until = excluded.until",
                params![audience, customer, at],
            );
        }
    }

    pub(crate) fn close(self) {
        self.connection.close().unwrap();
    }
}

fn customer_id(number: u64) -> String {
    uuid::Uuid::from_u64_pair(number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number).to_string()
}
