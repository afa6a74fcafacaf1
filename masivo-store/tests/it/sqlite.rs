//! The suite on SQLite, and what only files do.

use crate::files::Folder;
use masivo_core::Command;
use masivo_core::fact::EventStatus;
use masivo_core::program::Kind;
use masivo_store::conformance::{Fixture, House, instant, purchase, start_instant};
use masivo_store::{CodePool, Mode, SqliteBackend, SqliteReader, StoreError, Work, verify};

struct Sqlite(Folder);

impl Fixture for Sqlite {
    type Backend = SqliteBackend;

    fn fresh(&self) -> SqliteBackend {
        SqliteBackend::open(&self.0.file(), Mode::Test, Some([7; 16])).unwrap()
    }

    fn reopen(&self) -> Option<SqliteBackend> {
        Some(self.fresh())
    }
}

masivo_store::conformance_tests!(Sqlite(Folder::new()));

#[test]
fn two_writers_never_share_a_file() {
    let folder = Folder::new();
    let first = SqliteBackend::open(&folder.file(), Mode::Test, None).unwrap();
    let second = SqliteBackend::open(&folder.file(), Mode::Test, None);
    assert!(matches!(second, Err(StoreError::Locked { .. })), "{second:?}");
    drop(first);
    SqliteBackend::open(&folder.file(), Mode::Test, None).unwrap();
}

#[test]
fn live_and_test_stores_never_mix() {
    let folder = Folder::new();
    drop(SqliteBackend::open(&folder.file(), Mode::Live, None).unwrap());
    let other = SqliteBackend::open(&folder.file(), Mode::Test, None);
    assert!(matches!(other, Err(StoreError::OtherMode { .. })), "{other:?}");
    assert_eq!(masivo_store::mode_of(&folder.file()).unwrap(), Some(Mode::Live));
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = Folder::new();
    drop(SqliteBackend::open(&folder.file(), Mode::Live, None).unwrap());
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch("PRAGMA user_version = 999").unwrap();
    drop(connection);
    let newer = SqliteBackend::open(&folder.file(), Mode::Live, None);
    assert!(matches!(newer, Err(StoreError::Newer { found: 999, .. })), "{newer:?}");
}

#[test]
fn a_store_of_before_the_first_release_is_refused_and_left_alone() {
    let folder = Folder::new();
    drop(SqliteBackend::open(&folder.file(), Mode::Live, None).unwrap());
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch("PRAGMA user_version = 1").unwrap();
    drop(connection);
    let refused = SqliteBackend::open(&folder.file(), Mode::Live, None).unwrap_err().to_string();
    assert!(refused.contains("before the first release"), "{refused}");
}

/// A store as an older build left it is brought to the present schema, and goes on as if it always had been there.
#[test]
fn an_older_store_is_brought_to_the_present() {
    let folder = Folder::new();
    let old = include_str!("files/schema_2.sql");
    rusqlite::Connection::open(folder.file()).unwrap().execute_batch(old).unwrap();
    // Whoever only reads brings it there too.
    assert_eq!(verify(&SqliteReader::open(&folder.file()).unwrap()).unwrap().findings, []);
    let backend = SqliteBackend::open(&folder.file(), Mode::Test, None).unwrap();
    let secret = backend.secret();
    let house = House::with_secret(backend, instant("2026-01-10T12:00:00Z"), secret);
    let before = house.verified_hash();
    assert_eq!(house.available("ana"), "25");
    let reader = house.handle().reader().unwrap();
    let waiting =
        reader.facts(0, 100).unwrap().into_iter().find(|row| row.status == Some(EventStatus::Pending));
    let event = waiting.unwrap().fact.event.unwrap().id;
    house.submit(Command::Fulfill { event }.into(), None).unwrap();
    assert_eq!(house.available("ana"), "35", "15 of 40 were held, 10 are new");
    // The key that the old build remembered still stands for its answer.
    let again = purchase("ana", "40", r#", "id": "e1""#);
    let answer = house.submit(again.into(), None).unwrap();
    assert_eq!(answer.text("status"), Some("RESOLVED"));
    assert_eq!(house.available("ana"), "35");
    assert_ne!(house.verified_hash(), before);
}

/// A generation that was cut short goes on where it was, and makes the codes it would have made.
#[test]
fn codes_are_generated_on_after_a_restart() {
    let campaign = |reward: &str| {
        format!(
            r#"{{"name": "codes", "type": "COUPONS", "withoutEndDate": true, "quantity": 5000,
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1}}]}}]}}"#
        )
    };
    let make = |house: &House| {
        house.furnish();
        let reward = house.handle().program().rewards().next().unwrap().id.clone();
        house.define(Kind::Campaign, None, &campaign(&reward)).text("id").unwrap().to_owned()
    };
    let open = |folder: &Folder| {
        let backend = SqliteBackend::open(&folder.file(), Mode::Test, Some([7; 16])).unwrap();
        House::open(backend, start_instant())
    };
    let codes = |house: &House, id: &str| {
        let pool = CodePool::Campaign(id.to_owned());
        house.handle().query().unwrap().codes(&pool, None, 10_000).unwrap().items
    };
    let all = |house: &House, id: &str| {
        loop {
            let made = codes(house, id);
            if made.len() == 5_000 {
                break made;
            }
            house.submit(Work::Ping.into(), None).unwrap();
        }
    };
    let (whole, cut) = (Folder::new(), Folder::new());
    let house = open(&whole);
    let id = make(&house);
    let expected = all(&house, &id);
    let mut house = open(&cut);
    assert_eq!(make(&house), id, "the same store makes the same ids");
    let mut restarts = 0;
    while codes(&house, &id).len() < 5_000 {
        house.close();
        house = open(&cut);
        restarts += 1;
    }
    assert!(restarts > 0, "it was cut short");
    assert_eq!(all(&house, &id), expected);
    house.verified_hash();
}

#[test]
fn other_files_are_refused_with_a_clear_error() {
    let folder = Folder::new();
    std::fs::write(folder.file(), "this is no database, it is a shopping list with some length to it")
        .unwrap();
    let refused = SqliteBackend::open(&folder.file(), Mode::Live, None).unwrap_err().to_string();
    assert!(refused.contains("not a database"), "{refused}");
    let connection = rusqlite::Connection::open(folder.path().join("other.db")).unwrap();
    connection.execute_batch("CREATE TABLE something (x)").unwrap();
    drop(connection);
    let refused = SqliteBackend::open(&folder.path().join("other.db"), Mode::Live, None);
    assert!(refused.unwrap_err().to_string().contains("another program"));
    let nowhere = SqliteBackend::open(&folder.path().join("no/such/folder.db"), Mode::Live, None);
    assert!(matches!(nowhere, Err(StoreError::File(_))), "{nowhere:?}");
}

#[test]
fn a_damaged_state_is_an_error_and_no_panic() {
    let folder = Folder::new();
    let house =
        House::open(SqliteBackend::open(&folder.file(), Mode::Test, Some([7; 16])).unwrap(), start_instant());
    house.furnish().register("ana").unwrap();
    house.close();
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch("UPDATE customer SET state = x'0102'").unwrap();
    drop(connection);
    let house = House::open(SqliteBackend::open(&folder.file(), Mode::Test, None).unwrap(), start_instant());
    let refused = house.submit(purchase("ana", "1", "").into(), None).unwrap_err();
    assert!(refused.to_string().contains("damaged"), "{refused}");
}

#[test]
fn a_backup_is_the_same_store() {
    let folder = Folder::new();
    let house =
        House::open(SqliteBackend::open(&folder.file(), Mode::Test, Some([7; 16])).unwrap(), start_instant());
    house.furnish().register("ana").unwrap();
    house.submit(purchase("ana", "10", "").into(), None).unwrap();
    let hash = house.verified_hash();
    let copy = folder.path().join("copy.db");
    masivo_store::backup(&folder.file(), &copy).unwrap();
    assert!(masivo_store::backup(&folder.file(), &copy).is_err(), "a file that is there is not written over");
    assert_eq!(verify(&SqliteReader::open(&copy).unwrap()).unwrap().hash, hash);
}
