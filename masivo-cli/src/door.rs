//! The way to a store: a file of this machine, or a server. Both answer in the same form.

mod client;
mod file;
mod keys;
mod server;

pub(crate) use file::{FileDoor, require_file};
pub(crate) use server::ServerDoor;

use crate::arguments::Shared;
use crate::error::Failure;
use masivo_core::program::{Kind, Program};
use masivo_core::value::{Json, Timestamp, object, parse_uuid};
use masivo_store::CodePool;
use masivo_store::query::ReportFilter;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An open way to a store.
#[derive(Debug)]
pub(crate) enum Door {
    /// A file of this machine, through an engine of our own.
    File(FileDoor),
    /// A server.
    Server(Box<ServerDoor>),
}

/// What a row of many came to.
pub(crate) type RowResult = Result<Json, Failure>;

/// A row to be carried out: its number in the file, what makes repeating it harmless, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The idempotency key.
    pub(crate) key: String,
    /// The row.
    pub(crate) body: Json,
}

/// Hands a call on to whichever door it is.
macro_rules! through {
    ($door:expr, $inner:ident => $call:expr) => {
        match $door {
            Door::File($inner) => $call,
            Door::Server($inner) => $call,
        }
    };
}

impl Door {
    /// Opens the store that the arguments name; it must be there.
    pub(crate) fn open(shared: &Shared) -> Result<Self, Failure> {
        if let Some(url) = &shared.url {
            if shared.now.is_some() {
                return Err(Failure::usage(
                    "--now is for store files",
                    "set the server's clock with PUT /test_clock",
                ));
            }
            return Ok(Self::Server(Box::new(ServerDoor::open(url, shared.key.as_deref())?)));
        }
        let path = shared.db.as_deref().ok_or_else(no_store)?;
        require_file(path)?;
        Ok(Self::File(FileDoor::open(path, shared.test, shared.now.as_deref())?))
    }

    /// The definitions as they are now.
    pub(crate) fn program(&mut self) -> Result<Arc<Program>, Failure> {
        through!(self, door => door.program())
    }

    /// The instant the store lives in.
    pub(crate) fn now(&mut self) -> Result<Timestamp, Failure> {
        through!(self, door => door.now())
    }

    /// Writes a definition: a new one without id (brands and event types bring theirs), otherwise that one.
    pub(crate) fn define(&mut self, kind: Kind, id: Option<&str>, body: &Json) -> Result<Json, Failure> {
        through!(self, door => door.define(kind, id, body))
    }

    /// Sends an event; the answer has `warnings` where something deserves a look.
    pub(crate) fn emit(&mut self, event: &Json, key: Option<&str>) -> Result<Json, Failure> {
        through!(self, door => door.emit(event, key))
    }

    /// Registers customers, each judged alone, answered in order.
    pub(crate) fn register_all(&mut self, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        through!(self, door => door.register_all(rows))
    }

    /// Sends events, each judged alone, answered in order.
    pub(crate) fn emit_all(&mut self, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        // The key of a row is its event's own id: it is the same whichever way the row takes.
        let events: Vec<Json> = rows.into_iter().map(|row| with_own_key(row.body, "id", &row.key)).collect();
        through!(self, door => door.emit_all(&events))
    }

    /// Puts customers on the list of the audience of an id, each judged alone, answered in order.
    pub(crate) fn join_all(&mut self, audience: &str, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        let rows: Vec<Json> = rows.into_iter().map(|row| row.body).collect();
        through!(self, door => door.join_all(audience, &rows))
    }

    /// Brings customers in from elsewhere, each judged alone, answered in order.
    pub(crate) fn migrate_all(&mut self, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        let rows: Vec<Json> =
            rows.into_iter().map(|row| with_own_key(row.body, "idempotency_key", &row.key)).collect();
        through!(self, door => door.migrate_all(&rows))
    }

    /// Brings past events in, each judged alone, answered in order.
    pub(crate) fn migrate_events(&mut self, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        let rows =
            rows.into_iter().map(|row| with_own_key(of_customer(row.body), "idempotency_key", &row.key));
        let rows: Vec<Json> = rows.collect();
        through!(self, door => door.migrate_events(&rows))
    }

    /// Brings past transactions in, each row a customer's, each judged alone, answered in order.
    pub(crate) fn migrate_transactions(&mut self, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        let rows = rows.into_iter().map(|row| with_own_key(row.body, "idempotency_key", &row.key));
        let rows: Vec<Json> = rows.collect();
        through!(self, door => door.migrate_transactions(&rows))
    }

    /// Fulfils an event.
    pub(crate) fn fulfill(&mut self, event: &str) -> Result<Json, Failure> {
        check_event_id(event)?;
        through!(self, door => door.fulfill(event))
    }

    /// Reverses or cancels an event, in whole or in part.
    pub(crate) fn reverse(&mut self, event: &str, request: &Json) -> Result<Json, Failure> {
        check_event_id(event)?;
        through!(self, door => door.reverse(event, request))
    }

    /// What reversing an event would come to.
    pub(crate) fn plan_reversal(&mut self, event: &str, request: &Json) -> Result<Json, Failure> {
        check_event_id(event)?;
        through!(self, door => door.plan_reversal(event, request))
    }

    /// A customer with the wallet.
    pub(crate) fn customer(&mut self, id: &str) -> Result<Json, Failure> {
        through!(self, door => door.customer(id))
    }

    /// An event.
    pub(crate) fn event(&mut self, id: &str) -> Result<Json, Failure> {
        check_event_id(id)?;
        through!(self, door => door.event(id))
    }

    /// Why campaigns rewarded an event or did not.
    pub(crate) fn explain(&mut self, id: &str) -> Result<Json, Failure> {
        check_event_id(id)?;
        through!(self, door => door.explain(id))
    }

    /// What campaigns would give for an event that is not sent.
    pub(crate) fn explain_unsent(&mut self, event: &Json) -> Result<Json, Failure> {
        through!(self, door => door.explain_unsent(event))
    }

    /// An audience, by id or name.
    pub(crate) fn audience(&mut self, name: &str) -> Result<Json, Failure> {
        let all = through!(self, door => door.audiences())?;
        let found = all.iter().find(|audience| audience.text("id") == Some(name));
        let found = found.or_else(|| all.iter().find(|audience| audience.text("name") == Some(name)));
        found.cloned().ok_or_else(|| {
            let known: Vec<&str> = all.iter().filter_map(|audience| audience.text("name")).collect();
            let hint = if known.is_empty() {
                "there are none yet".into()
            } else {
                format!("known are {}", known.join(", "))
            };
            Failure::refused("definition_not_found", format!("there is no audience `{name}`"), hint)
        })
    }

    /// The first members of an audience, now or at an instant of the past.
    pub(crate) fn members(
        &mut self,
        audience: &str,
        limit: usize,
        at: Option<&str>,
    ) -> Result<Vec<Json>, Failure> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        through!(self, door => door.members(audience, limit.min(1_000), at))
    }

    /// Who entered and left an audience, after a number.
    pub(crate) fn audience_history(
        &mut self,
        audience: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Json>, Failure> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        through!(self, door => door.audience_history(audience, after, limit.min(1_000)))
    }

    /// How many members an audience had at the end of each day of a span.
    pub(crate) fn audience_sizes(&mut self, audience: &str, from: i64, to: i64) -> Result<Json, Failure> {
        through!(self, door => door.audience_sizes(audience, from, to))
    }

    /// Begins to look at everybody again.
    pub(crate) fn recalculate(&mut self, audience: &str) -> Result<(), Failure> {
        through!(self, door => door.recalculate(audience))
    }

    /// Lets what goes on in the background go on: a file is worked on by this process.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<(), Failure> {
        through!(self, door => door.wait(time))
    }

    /// Why a customer is in the audience of an id, or is not.
    pub(crate) fn explain_membership(&mut self, audience: &str, customer: &str) -> Result<Json, Failure> {
        through!(self, door => door.explain_membership(audience, customer))
    }

    /// How many a rule gathers that is not an audience yet.
    pub(crate) fn preview_audience(&mut self, request: &Json) -> Result<Json, Failure> {
        through!(self, door => door.preview_audience(request))
    }

    /// Gives, takes or hands over points by hand: `how` is adjust, transfer or void.
    pub(crate) fn adjust(
        &mut self,
        how: &str,
        customer: &str,
        request: &Json,
        key: Option<&str>,
    ) -> Result<Json, Failure> {
        through!(self, door => door.adjust(how, customer, request, key))
    }

    /// The coupon campaign or gift card of that id or name, and how many codes it has.
    pub(crate) fn code_pool(&mut self, name: &str) -> Result<(CodePool, Json), Failure> {
        let coupons = through!(self, door => door.campaigns_with_codes())?;
        let cards = through!(self, door => door.gift_card_rewards())?;
        let all = || coupons.iter().chain(&cards);
        let all = || all().filter(|found| matches!(found.text("type"), Some("COUPONS" | "GIFT_CARD")));
        let found = all().find(|found| found.text("id") == Some(name));
        let found = found.or_else(|| all().find(|found| found.text("name") == Some(name)));
        let Some(found) = found else {
            return Err(Failure::refused(
                "definition_not_found",
                format!("there is no coupon campaign or gift card `{name}`"),
                "give its id or its name",
            ));
        };
        let id = found.text("id").unwrap_or_default().to_owned();
        let pool = match found.text("type") {
            Some("GIFT_CARD") => CodePool::Reward(id),
            _ => CodePool::Campaign(id),
        };
        let summary = found.get("codes_summary").or_else(|| found.path("attributes.codes_summary"));
        Ok((pool, summary.cloned().unwrap_or_default()))
    }

    /// Codes of a pool, and where they go on.
    pub(crate) fn codes(
        &mut self,
        pool: &CodePool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Json>, Option<String>), Failure> {
        through!(self, door => door.codes(pool, after, limit))
    }

    /// Adds codes to a pool, all or none.
    pub(crate) fn add_codes(&mut self, pool: &CodePool, codes: &[Json]) -> Result<Json, Failure> {
        through!(self, door => door.add_codes(pool, codes))
    }

    /// How many customers there are, where that can be asked.
    pub(crate) fn customer_count(&mut self) -> Result<Option<u64>, Failure> {
        match self {
            Self::File(door) => door.customer_count().map(Some),
            Self::Server(_) => Ok(None),
        }
    }

    /// Of fields that rules look at those that were never recorded, where that can be asked.
    pub(crate) fn unseen_fields(
        &mut self,
        names: &BTreeSet<String>,
    ) -> Result<Option<BTreeSet<String>>, Failure> {
        match self {
            Self::File(door) => door.unseen_fields(names).map(Some),
            Self::Server(_) => Ok(None),
        }
    }

    /// What campaigns gave and what became of it.
    pub(crate) fn campaign_report(&mut self, filter: &ReportFilter) -> Result<Json, Failure> {
        through!(self, door => door.campaign_report(filter))
    }

    /// What the campaigns of each funder cost.
    pub(crate) fn funder_report(&mut self, from: i64, to: i64) -> Result<Json, Failure> {
        through!(self, door => door.funder_report(from, to))
    }

    /// All keys of the API.
    pub(crate) fn keys(&mut self) -> Result<Vec<Json>, Failure> {
        through!(self, door => door.keys())
    }

    /// Makes a key; the answer carries its secret as `key`.
    pub(crate) fn make_key(&mut self, name: &str, server: bool) -> Result<Json, Failure> {
        through!(self, door => door.make_key(name, server))
    }

    /// Revokes a key.
    pub(crate) fn revoke_key(&mut self, id: &str) -> Result<(), Failure> {
        through!(self, door => door.revoke_key(id))
    }
}

/// The file that the arguments name, for commands that only work on files.
pub(crate) fn file_only<'a>(shared: &'a Shared, command: &str) -> Result<&'a Path, Failure> {
    if shared.url.is_some() {
        let message = format!("`masivo {command}` works on a store file, not on a server");
        return Err(Failure::usage(message, "run it where the file is: --db PATH, without --url"));
    }
    shared.db.as_deref().ok_or_else(no_store)
}

fn no_store() -> Failure {
    Failure::usage(
        "it is not said which store to work on",
        "give --db PATH (or MASIVO_DB) for a file, or --url URL and --key KEY for a server",
    )
}

/// Event ids are checked before anything is opened or sent.
fn check_event_id(id: &str) -> Result<(), Failure> {
    if parse_uuid(id).is_some() {
        return Ok(());
    }
    let message = format!("`{}` is not an event's id", id.escape_debug());
    Err(Failure::usage(message, "it is the `id` in the answer to the event, a UUID"))
}

/// A past event as the events of its customer.
fn of_customer(mut event: Json) -> Json {
    let id = event.get("customer_id").cloned().unwrap_or_default();
    event.remove("customer_id");
    object().with("id", id).with("events", vec![event]).build()
}

/// The key of a row goes with it, in the field that is meant for it: it is the same whichever way the row takes.
fn with_own_key(mut row: Json, field: &'static str, key: &str) -> Json {
    if row.get(field).is_none() && matches!(row, Json::Object(_)) {
        row.set(field, key);
    }
    row
}

/// The answer and what deserves a look in it, as one document.
fn with_warnings(mut data: Json, warnings: Vec<Json>) -> Json {
    if !warnings.is_empty() {
        data.set("warnings", warnings);
    }
    data
}
