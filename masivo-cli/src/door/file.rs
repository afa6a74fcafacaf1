//! A store file of this machine, through an engine of our own.

use super::{Row, RowResult, keys, with_warnings};
use crate::error::Failure;
use masivo_core::adjustment::{read_adjustment, read_void};
use masivo_core::customers::read_registration;
use masivo_core::events::{NewEvent, read_event, read_reversal, read_reversal_plan};
use masivo_core::migration::{read_migration, read_past_events, read_past_transactions, row_key};
use masivo_core::problem::{Problem, Report};
use masivo_core::profile::read_customer_name;
use masivo_core::program::{Kind, Program, read_preview_rule};
use masivo_core::transfer::read_transfer;
use masivo_core::value::{Json, Timestamp, parse_uuid};
use masivo_core::{Command, view};
use masivo_store::query::ReportFilter;
use masivo_store::{
    Answer, Clock, CodePool, Config, Engine, Handle, Location, ManualClock, Mode, Request, SystemClock, Work,
    last_instant, mode_of,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A store file of this machine.
#[derive(Debug)]
pub(crate) struct FileDoor {
    engine: Engine,
}

/// What cannot happen: the engine answers a command with something else than its kind.
fn odd_answer() -> Failure {
    Failure::bug("the engine gave an unexpected answer")
}

/// Refuses a path where no store is.
pub(crate) fn require_file(path: &Path) -> Result<(), Failure> {
    if path.is_file() {
        return Ok(());
    }
    let message = format!("there is no store at `{}`", path.display());
    let hint = format!("make one with `masivo init --db {}`, or check --db and MASIVO_DB", path.display());
    Err(Failure::environment("no_store", message, hint))
}

/// The mode and clock a file is opened with: its own, or those of a new one. A test store goes on where it stopped.
fn clock_of(path: &Path, test: bool, now: Option<Timestamp>) -> Result<(Mode, Arc<dyn Clock>), Failure> {
    let found = if path.exists() { mode_of(path)? } else { None };
    let mode = if test { Mode::Test } else { found.unwrap_or(Mode::Live) };
    let clock: Arc<dyn Clock> = match mode {
        Mode::Live => Arc::new(SystemClock::default()),
        Mode::Test => {
            let last = if path.exists() { last_instant(path)? } else { None };
            // A new test store begins when it is told to.
            let first = || now.unwrap_or_else(|| SystemClock::default().now());
            Arc::new(ManualClock::new(last.unwrap_or_else(first)))
        }
    };
    Ok((mode, clock))
}

impl FileDoor {
    /// Opens a file, making it when there is none.
    pub(crate) fn open(path: &Path, test: bool, now: Option<&str>) -> Result<Self, Failure> {
        let now = now.map(|text| {
            Timestamp::parse(text).ok_or_else(|| {
                Failure::usage(format!("`{text}` is not an instant"), "write it like 2026-11-22T10:00:00Z")
            })
        });
        let now = now.transpose()?;
        let (mode, clock) = clock_of(path, test, now)?;
        if let (Mode::Live, Some(_)) = (mode, now) {
            return Err(Failure::usage(
                "--now is for test stores, and this one is live",
                "leave --now out: a live store goes by the system's clock",
            ));
        }
        let engine = Engine::open(Config::new(Location::File(path.to_owned()), mode, clock))?;
        let door = Self { engine };
        if let Some(now) = now {
            door.submit(Work::SetClock(now))?;
        }
        Ok(door)
    }

    /// A door to an engine that is open already.
    pub(crate) const fn of(engine: Engine) -> Self {
        Self { engine }
    }

    /// The engine behind the door.
    pub(crate) fn into_engine(self) -> Engine {
        self.engine
    }

    fn handle(&self) -> Handle {
        self.engine.handle()
    }

    fn submit(&self, request: impl Into<Request>) -> Result<Answer, Failure> {
        Ok(self.handle().submit_blocking(request)?)
    }

    fn shown(&self, request: impl Into<Request>) -> Result<Json, Failure> {
        Ok(self.submit(request)?.to_json(&self.handle().program()))
    }

    pub(super) fn program(&self) -> Result<Arc<Program>, Failure> {
        Ok(self.handle().program())
    }

    pub(super) fn now(&self) -> Result<Timestamp, Failure> {
        Ok(self.handle().now())
    }

    pub(super) fn define(&self, kind: Kind, id: Option<&str>, body: &Json) -> Result<Json, Failure> {
        match self.submit(Work::Define { kind, id: id.map(ToOwned::to_owned), body: body.clone() })? {
            answer @ Answer::Definition { .. } => Ok(answer.to_json(&self.handle().program())),
            _ => Err(odd_answer()),
        }
    }

    pub(super) fn emit(&self, event: &Json, key: Option<&str>) -> Result<Json, Failure> {
        let (event, warnings) = read(event)?;
        let request = Request::from(Command::Emit(event)).with_key(key.map(ToOwned::to_owned));
        let warnings = warnings.iter().map(Problem::to_json).collect();
        Ok(with_warnings(self.shown(request)?, warnings))
    }

    /// Carries out what could be read; what could not keeps its place in the answer.
    fn submit_rows(&self, rows: Vec<Result<Request, Failure>>) -> Result<Vec<RowResult>, Failure> {
        let mut requests = Vec::new();
        let mut results: Vec<Option<Failure>> = Vec::new();
        for row in rows {
            match row {
                Ok(request) => {
                    requests.push(request);
                    results.push(None);
                }
                Err(failure) => results.push(Some(failure)),
            }
        }
        let mut answers = self.handle().submit_all_blocking(requests)?.into_iter();
        let program = self.handle().program();
        let mut shown = Vec::with_capacity(results.len());
        for failure in results {
            shown.push(match failure {
                Some(failure) => Err(failure),
                None => match answers.next().ok_or_else(odd_answer)? {
                    Ok(answer) => Ok(answer.to_json(&program)),
                    Err(error) => Err(error.into()),
                },
            });
        }
        Ok(shown)
    }

    pub(super) fn register_all(&self, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        let requests = rows.into_iter().map(|row| {
            let (request, _) = read_registration(&row.body).map_err(|report| Failure::from(&report))?;
            Ok(Request::from(Command::Register(request)).with_key(Some(row.key)))
        });
        self.submit_rows(requests.collect())
    }

    pub(super) fn emit_all(&self, events: &[Json]) -> Result<Vec<RowResult>, Failure> {
        let requests = events.iter().map(|event| Ok(Command::Emit(read(event)?.0).into()));
        self.submit_rows(requests.collect())
    }

    pub(super) fn join_all(&self, audience: &str, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        let query = self.handle().query()?;
        let requests = rows.iter().map(|row| {
            let name = read_customer_name(row).map_err(|report| Failure::from(&report))?;
            let customer = query.customer_named(&name)?;
            Ok(Request::from(Command::Join { customer, audience: audience.to_owned() }))
        });
        self.submit_rows(requests.collect())
    }

    pub(super) fn migrate_all(&self, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        let requests = rows.iter().map(|row| {
            let (migration, _) = read_migration(row).map_err(|report| Failure::from(&report))?;
            Ok(Request::from(Command::Migrate(migration)).with_key(row_key(row).map(ToOwned::to_owned)))
        });
        self.submit_rows(requests.collect())
    }

    pub(super) fn migrate_events(&self, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        let requests = rows.iter().map(|row| {
            let (past, _) = read_past_events(row).map_err(|report| Failure::from(&report))?;
            Ok(Request::from(Command::MigrateEvents(past)).with_key(row_key(row).map(ToOwned::to_owned)))
        });
        self.submit_rows(requests.collect())
    }

    pub(super) fn migrate_transactions(&self, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        let requests = rows.iter().map(|row| {
            let (past, _) = read_past_transactions(row).map_err(|report| Failure::from(&report))?;
            let command = Command::MigrateTransactions(past);
            Ok(Request::from(command).with_key(row_key(row).map(ToOwned::to_owned)))
        });
        self.submit_rows(requests.collect())
    }

    pub(super) fn fulfill(&self, event: &str) -> Result<Json, Failure> {
        self.shown(Command::Fulfill { event: parse_uuid(event).ok_or_else(odd_answer)? })
    }

    pub(super) fn reverse(&self, event: &str, request: &Json) -> Result<Json, Failure> {
        let (reversal, _) = read_reversal(request).map_err(|report| Failure::from(&report))?;
        self.shown(reversal.on(parse_uuid(event).ok_or_else(odd_answer)?))
    }

    pub(super) fn plan_reversal(&self, event: &str, request: &Json) -> Result<Json, Failure> {
        let (reversal, _) = read_reversal_plan(request).map_err(|report| Failure::from(&report))?;
        let command = reversal.on(parse_uuid(event).ok_or_else(odd_answer)?);
        Ok(self.submit(Work::Try(Box::new(command)))?.to_json(&self.handle().program()))
    }

    pub(super) fn explain_unsent(&self, event: &Json) -> Result<Json, Failure> {
        let (event, _) = read(event)?;
        match self.submit(Work::Try(Box::new(Command::Emit(event))))? {
            Answer::Event { record, .. } => Ok(view::explained(&self.handle().program(), &record)),
            _ => Err(odd_answer()),
        }
    }

    pub(super) fn customer(&self, id: &str) -> Result<Json, Failure> {
        Ok(self.handle().query()?.customer(id)?)
    }

    pub(super) fn event(&self, id: &str) -> Result<Json, Failure> {
        Ok(self.handle().query()?.event(parse_uuid(id).ok_or_else(odd_answer)?)?)
    }

    pub(super) fn explain(&self, id: &str) -> Result<Json, Failure> {
        Ok(self.handle().query()?.explain(parse_uuid(id).ok_or_else(odd_answer)?)?)
    }

    pub(super) fn audiences(&self) -> Result<Vec<Json>, Failure> {
        Ok(self.handle().query()?.definitions(Kind::Audience)?)
    }

    pub(super) fn members(
        &self,
        audience: &str,
        limit: usize,
        at: Option<&str>,
    ) -> Result<Vec<Json>, Failure> {
        let Some(text) = at else { return Ok(self.handle().query()?.members(audience, None, limit)?.items) };
        let query = self.handle().query()?;
        let at = query.program().settings().time_zone.parse_date_or_time(text).ok_or_else(|| {
            Failure::usage(
                format!("`{text}` is not an instant"),
                "write it like 2026-03-01 or 2026-03-01T12:00:00Z",
            )
        })?;
        Ok(query.members_at(audience, at, None, limit)?.items)
    }

    pub(super) fn audience_history(
        &self,
        audience: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Json>, Failure> {
        Ok(self.handle().query()?.audience_history(audience, after, limit)?.items)
    }

    pub(super) fn audience_sizes(&self, audience: &str, from: i64, to: i64) -> Result<Json, Failure> {
        Ok(self.handle().query()?.audience_sizes(audience, from, to)?)
    }

    pub(super) fn recalculate(&self, _audience: &str) -> Result<(), Failure> {
        self.submit(Work::Recalculate).map(drop)
    }

    pub(super) fn wait(&self, _time: Duration) -> Result<(), Failure> {
        self.submit(Work::Ping).map(drop)
    }

    pub(super) fn explain_membership(&self, audience: &str, customer: &str) -> Result<Json, Failure> {
        Ok(self.handle().query()?.explain_membership(audience, customer)?)
    }

    pub(super) fn preview_audience(&self, request: &Json) -> Result<Json, Failure> {
        let rule = read_preview_rule(&self.handle().program(), request);
        let rule = rule.map_err(|report| Failure::from(&report))?;
        let exact = request.flag("exact") == Some(true);
        Ok(self.handle().query()?.preview_audience(&rule, exact)?)
    }

    pub(super) fn adjust(
        &self,
        how: &str,
        customer: &str,
        request: &Json,
        key: Option<&str>,
    ) -> Result<Json, Failure> {
        let customer = customer.to_owned();
        let malformed = |report: Report| Failure::from(&report);
        let command = match how {
            "transfer" => {
                let (transfer, _) = read_transfer(&customer, request).map_err(malformed)?;
                Command::Transfer { customer, transfer }
            }
            "void" => Command::Adjust { customer, adjustment: read_void(request).map_err(malformed)?.0 },
            _ => Command::Adjust { customer, adjustment: read_adjustment(request).map_err(malformed)?.0 },
        };
        self.shown(Request::from(command).with_key(key.map(ToOwned::to_owned)))
    }

    pub(super) fn campaigns_with_codes(&self) -> Result<Vec<Json>, Failure> {
        Ok(self.handle().query()?.campaigns_with_codes()?)
    }

    pub(super) fn gift_card_rewards(&self) -> Result<Vec<Json>, Failure> {
        Ok(self.handle().query()?.definitions(Kind::Reward)?)
    }

    pub(super) fn codes(
        &self,
        pool: &CodePool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Json>, Option<String>), Failure> {
        let page = self.handle().query()?.codes(pool, after, limit)?;
        Ok((page.items, page.next))
    }

    pub(super) fn add_codes(&self, pool: &CodePool, codes: &[Json]) -> Result<Json, Failure> {
        let codes = codes.iter().filter_map(Json::as_text).map(ToOwned::to_owned).collect();
        let work = Work::SupplyCodes { pool: pool.clone(), codes };
        Ok(self.submit(work)?.to_json(&self.handle().program()))
    }

    pub(super) fn customer_count(&self) -> Result<u64, Failure> {
        Ok(self.handle().query()?.customer_count()?)
    }

    pub(super) fn unseen_fields(&self, names: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
        Ok(self.handle().query()?.unseen_fields(names)?)
    }

    pub(super) fn campaign_report(&self, filter: &ReportFilter) -> Result<Json, Failure> {
        Ok(self.handle().query()?.campaign_report(filter)?)
    }

    pub(super) fn funder_report(&self, from: i64, to: i64) -> Result<Json, Failure> {
        Ok(self.handle().query()?.funder_report(from, to)?)
    }

    pub(super) fn keys(&self) -> Result<Vec<Json>, Failure> {
        Ok(self.handle().query()?.keys()?.iter().map(keys::show).collect())
    }

    pub(super) fn make_key(&self, name: &str, server: bool) -> Result<Json, Failure> {
        let (key, secret) = keys::make(name, server, self.handle().clock().wall())?;
        let mut shown = keys::show(&key);
        shown.set("key", secret);
        self.submit(Work::CreateKey(key))?;
        Ok(shown)
    }

    pub(super) fn revoke_key(&self, id: &str) -> Result<(), Failure> {
        drop(self.submit(Work::RevokeKey { id: id.to_owned() })?);
        Ok(())
    }
}

fn read(event: &Json) -> Result<(NewEvent, Vec<Problem>), Failure> {
    read_event(event, false).map_err(|report| Failure::from(&report))
}
