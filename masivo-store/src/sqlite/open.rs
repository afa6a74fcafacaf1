//! Opening a file: lock, settings, migrations, mark.

use crate::engine::Mode;
use crate::error::StoreError;
use crate::stored::{read_booking, read_document};
use masivo_core::fact::{Change, FactKind};
use masivo_core::profile::Profile;
use masivo_core::report::lot_sums;
use masivo_core::value::{StoreSecret, Timestamp};
use masivo_core::wallet::Wallet;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The version the first step leads to: what was before was never released and cannot be read.
const FIRST_VERSION: i64 = 2;
/// The steps from an empty file to the present schema, in order.
const MIGRATIONS: [&str; 9] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_quotas.sql"),
    include_str!("migrations/0003_coupons.sql"),
    include_str!("migrations/0004_returns.sql"),
    include_str!("migrations/0005_codes.sql"),
    include_str!("migrations/0006_series.sql"),
    include_str!("migrations/0007_turns.sql"),
    include_str!("migrations/0008_phones.sql"),
    include_str!("migrations/0009_switches.sql"),
];
/// The version since which sums of campaigns are kept for each reward.
const SUMS_SINCE: i64 = 6;
/// The version since which it is kept who entered and left audiences.
const TURNS_SINCE: i64 = 8;
/// The version since which customers are found by phone number.
const PHONES_SINCE: i64 = 9;
/// How long the writer waits for others that use the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Marks a file as a masivo store: "masv".
const APPLICATION_ID: i64 = 0x6d61_7376;

/// Takes the lock that keeps a second writer away.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(PathBuf::from(name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(StoreError::File(error)),
    }
}

/// Opens the writer's connection.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // page_size: 4 KiB measured best. secure_delete: erased data must not stay in free pages.
    // wal_autocheckpoint 0: the checkpointer does it beside the writer.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
         PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -8192;",
    )?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(&connection)?;
    Ok(connection)
}

/// Keeps the plan of a statement whatever values are bound: otherwise SQLite prepares some statements anew every
/// time, which measured a tenth of all work per event.
pub(super) fn keep_plans(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Brings the schema up to date and checks the mark; gives the store's secret.
pub(super) fn prepare(
    connection: &mut Connection,
    path: &Path,
    mode: Mode,
    secret: Option<[u8; 16]>,
) -> Result<[u8; 16], StoreError> {
    migrate(connection, path)?;
    let name = || path.display().to_string();
    match meta_text(connection, "mode")? {
        None => {
            let secret = match secret {
                Some(secret) => secret,
                None => draw_secret()?,
            };
            put_meta(connection, "mode", mode.name().as_bytes())?;
            put_meta(connection, "secret", &secret)?;
            Ok(secret)
        }
        Some(found) if found == mode.name() => {
            let secret = meta(connection, "secret")?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
            secret.ok_or_else(|| StoreError::damaged("the store's secret"))
        }
        Some(found) => {
            let found = if found == Mode::Test.name() { Mode::Test.name() } else { Mode::Live.name() };
            Err(StoreError::OtherMode { path: name(), found, wanted: mode.name() })
        }
    }
}

/// What a file is marked as, without opening it for writing; `None` when there is no store in it yet.
///
/// # Errors
/// When the file cannot be read.
pub fn mode_of(path: &Path) -> Result<Option<Mode>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = Connection::open(path)?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'";
    if connection.query_row(tables, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let mode = meta_text(&connection, "mode")?;
    Ok(mode.map(|mode| if mode == Mode::Test.name() { Mode::Test } else { Mode::Live }))
}

/// The latest instant anything in a file was stamped with: where a test clock goes on.
///
/// # Errors
/// When the file cannot be read.
pub fn last_instant(path: &Path) -> Result<Option<Timestamp>, StoreError> {
    if mode_of(path)?.is_none() {
        return Ok(None);
    }
    let text = meta_text(&Connection::open(path)?, "last_instant")?;
    Ok(text.and_then(|text| text.parse().ok()).map(Timestamp::from_milliseconds))
}

/// A secret from the system's source of randomness.
pub(crate) fn draw_secret() -> Result<[u8; 16], StoreError> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret)
        .map_err(|error| StoreError::File(std::io::Error::other(error.to_string())))?;
    Ok(secret)
}

/// Brings a store of an older build to the present schema before it is read; one that is up to date is left alone.
pub(super) fn upgrade(path: &Path) -> Result<(), StoreError> {
    if mode_of(path)?.is_none() {
        return Ok(());
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    drop(connection);
    if found == newest() {
        return Ok(());
    }
    let _lock = lock(path)?;
    migrate(&mut connect(path)?, path)
}

/// The version of the present schema.
fn newest() -> i64 {
    FIRST_VERSION - 1 + i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX / 2)
}

/// Applies the migrations that are missing, each step in one transaction with the mark of its version.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::damaged(format!("`{}` is a database of another program", path.display())));
    }
    if (1..FIRST_VERSION).contains(&found) {
        return Err(StoreError::damaged(format!(
            "`{}` was made by a build before the first release: make it anew",
            path.display()
        )));
    }
    let known = newest();
    if found > known {
        return Err(StoreError::Newer { path: path.display().to_string(), found, known });
    }
    for (version, migration) in (FIRST_VERSION..).zip(MIGRATIONS) {
        if version > found {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(migration)?;
            if version == SUMS_SINCE {
                count_campaigns(&transaction)?;
            }
            if version == TURNS_SINCE {
                keep_turns(&transaction)?;
            }
            if version == PHONES_SINCE {
                keep_phones(&transaction)?;
            }
            transaction.execute_batch(&format!(
                "PRAGMA user_version = {version}; PRAGMA application_id = {APPLICATION_ID};"
            ))?;
            transaction.commit()?;
        }
    }
    Ok(())
}

/// Counts the sums of campaigns from the facts of a store that has none.
fn count_campaigns(connection: &Connection) -> Result<(), StoreError> {
    let mut wallets: BTreeMap<i64, Wallet> = BTreeMap::new();
    let mut sums: BTreeMap<(i64, String), (i64, i64)> = BTreeMap::new();
    let mut statement =
        connection.prepare("SELECT customer, at, kind, booking FROM fact ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let day = Timestamp::from_milliseconds(row.get(1)?).day();
        let kind = usize::try_from(row.get::<_, i64>(2)?).ok().and_then(|kind| FactKind::ALL.get(kind));
        let kind = *kind.ok_or_else(|| StoreError::damaged("the kind of a fact"))?;
        let wallet = wallets.entry(row.get(0)?).or_default();
        let (_, _, changes) = read_booking(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?;
        for change in &changes {
            let Change::Entry(entry) = change else { continue };
            for sum in lot_sums(day, kind, entry, wallet.before(entry)) {
                let total = sums.entry((sum.day, sum.key)).or_default();
                total.0 += sum.count;
                total.1 = total.1.saturating_add(sum.amount.micros());
            }
            wallet.apply(entry);
        }
    }
    let mut insert =
        connection.prepare("INSERT INTO daily (day, key, count, amount) VALUES (?1, ?2, ?3, ?4)")?;
    for ((day, key), (count, amount)) in sums {
        insert.execute(params![day, key, count, amount])?;
    }
    Ok(())
}

/// Keeps who entered and left audiences, from the facts of a store that does not.
fn keep_turns(connection: &Connection) -> Result<(), StoreError> {
    let mut inside: HashSet<(i64, u32)> = HashSet::new();
    let mut statement =
        connection.prepare("SELECT customer, sequence, at, booking FROM fact ORDER BY sequence")?;
    let mut insert = connection.prepare(
        "INSERT OR REPLACE INTO turn (audience, customer, fact, at, inside) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (customer, fact, at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (_, _, changes) = read_booking(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?;
        for change in &changes {
            let Change::Member(member) = change else { continue };
            let place = (customer, member.audience);
            let turned = if member.inside { inside.insert(place) } else { inside.remove(&place) };
            if turned {
                insert.execute(params![member.audience, customer, fact, at, member.inside])?;
            }
        }
    }
    Ok(())
}

/// Keeps the phone numbers of a store that does not.
fn keep_phones(connection: &Connection) -> Result<(), StoreError> {
    let secret = meta(connection, "secret")?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    // A fresh store has no secret yet, and no customers.
    let Some(secret) = secret.map(StoreSecret::new) else { return Ok(()) };
    let mut statement = connection.prepare("SELECT key, document FROM profile")?;
    let mut insert = connection.prepare("INSERT INTO phone (customer, hash) VALUES (?1, ?2)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let document = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let profile = Profile::from_json(read_document(document, "a profile")?);
        if let Some(phone) = profile.comparable_phone() {
            let hash = secret.hash("phone", &[phone.as_bytes()]);
            insert.execute(params![row.get::<_, i64>(0)?, hash.as_slice()])?;
        }
    }
    Ok(())
}

fn meta(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let found = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    Ok(found)
}

fn meta_text(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(meta(connection, name)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

fn put_meta(connection: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", params![name, value])?;
    Ok(())
}
