//! The floor: raw SQLite writing rows of the same sizes in groups of the same size, and nothing else.

use crate::load::{NEXT, visited};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Raw SQLite: the same rows of the same size, in groups of the same size, nothing else.
pub(crate) struct Floor {
    connection: rusqlite::Connection,
    sequence: i64,
    customers: i64,
    sizes: [usize; 4],
}

impl Floor {
    pub(crate) fn new(path: &Path, customers: u64) -> Self {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
                 PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -8192;",
            )
            .unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let sequence = one("SELECT max(sequence) FROM fact");
        let sizes = [
            one("SELECT cast(avg(length(booking)) AS INTEGER) FROM (SELECT booking FROM fact WHERE kind = 3 AND day IS NOT NULL ORDER BY sequence DESC LIMIT 1000)"),
            one("SELECT cast(avg(length(payload)) AS INTEGER) FROM (SELECT payload FROM fact WHERE kind = 3 AND day IS NOT NULL ORDER BY sequence DESC LIMIT 1000)"),
            one("SELECT cast(avg(length(explanation)) AS INTEGER) FROM (SELECT explanation FROM fact WHERE kind = 3 AND day IS NOT NULL ORDER BY sequence DESC LIMIT 1000)"),
            one("SELECT cast(avg(length(state)) AS INTEGER) FROM (SELECT state FROM customer ORDER BY key DESC LIMIT 1000)"),
        ]
        .map(|size| usize::try_from(size).unwrap());
        Self { connection, sequence, customers: customers as i64, sizes }
    }

    pub(crate) fn rate(&mut self, group: usize, events: usize) -> f64 {
        let started = Instant::now();
        let [booking, payload, explanation, state] = self.sizes.map(|size| vec![b'x'; size]);
        let mut count = 0;
        while count < events {
            self.connection.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
            let mut customers = Vec::new();
            for _ in 0..group {
                self.sequence += 1;
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let customer = visited(number, self.customers as u64) as i64 + 1;
                customers.push(customer);
                let id = uuid::Builder::from_unix_timestamp_millis(number, &[7; 10]).into_uuid();
                self.connection
                    .prepare_cached(
                        "INSERT INTO fact (sequence, customer, previous, at, kind, status, event, day, booking, payload, explanation)
                         VALUES (?1, ?2, 1, 1, 3, 1, ?3, 20000, ?4, ?5, ?6)",
                    )
                    .unwrap()
                    .execute(rusqlite::params![self.sequence, customer, id.as_bytes().as_slice(), booking, payload, explanation])
                    .unwrap();
                count += 1;
            }
            customers.sort_unstable();
            customers.dedup();
            for customer in customers {
                self.connection
                    .prepare_cached("UPDATE customer SET state = ?2 WHERE key = ?1")
                    .unwrap()
                    .execute(rusqlite::params![customer, state])
                    .unwrap();
            }
            self.connection.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
        }
        count as f64 / started.elapsed().as_secs_f64()
    }
}
