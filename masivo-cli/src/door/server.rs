//! A server, over HTTP.

use super::client::{Client, segment};
use super::{Row, RowResult, with_warnings};
use crate::command::written_day;
use crate::error::{Failure, Fault};
use hyper::Method;
use masivo_core::limits::MIGRATED_ROWS_MAX;
use masivo_core::program::{Kind, Program, StoredDefinition};
use masivo_core::value::{Json, Timestamp, object};
use masivo_store::query::ReportFilter;
use masivo_store::{Clock as _, CodePool, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// A server.
#[derive(Debug)]
pub(crate) struct ServerDoor {
    runtime: Runtime,
    client: Client,
}

/// Bytes of one call with rows.
const CALL_BYTES: usize = 4 << 20;
/// Registrations on their way at the same time.
const IN_FLIGHT_MAX: usize = 16;

impl ServerDoor {
    /// Opens the way to a server; it is asked for nothing yet.
    pub(crate) fn open(url: &str, key: Option<&str>) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::environment("runtime", error.to_string(), ""))?;
        let client = Client::new(url, key)?;
        Ok(Self { runtime, client })
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Json>,
    ) -> Result<Json, Failure> {
        self.runtime.block_on(self.client.call(method, path, key, body))
    }

    fn get(&self, path: &str) -> Result<Json, Failure> {
        Ok(data(&self.call(Method::GET, path, None, None)?))
    }

    /// The description of the API, as this server has it.
    pub(crate) fn description(&self) -> Result<Json, Failure> {
        self.runtime.block_on(self.client.call_path(Method::GET, "/openapi.json", None, None))
    }

    pub(super) fn program(&self) -> Result<Arc<Program>, Failure> {
        let mut stored = Vec::new();
        for kind in Kind::ALL {
            for (number, shown) in (1..).zip(self.definitions(kind)?) {
                let program_version = u32::try_from(stored.len() + 1).unwrap_or(u32::MAX);
                let id = shown.text("id").unwrap_or("settings").to_owned();
                stored.push(StoredDefinition {
                    kind,
                    number,
                    id,
                    version: 1,
                    program_version,
                    changed_at: Timestamp::EPOCH,
                    body: as_written(kind, &shown),
                });
            }
        }
        let program = Program::load(stored).map_err(|report| {
            Failure::environment(
                "other_version",
                format!("the server's definitions cannot be read: {report}"),
                "use a masivo of the server's version",
            )
        })?;
        Ok(Arc::new(program))
    }

    fn definitions(&self, kind: Kind) -> Result<Vec<Json>, Failure> {
        if kind == Kind::Settings {
            return Ok(vec![self.get("/settings")?]);
        }
        let path = section_path(kind);
        if !matches!(kind, Kind::Reward | Kind::Campaign) {
            return Ok(self.get(path)?.items().to_vec());
        }
        // These two come in windows.
        let mut all = Vec::new();
        loop {
            let from = all.len();
            let window = self.get(&format!("{path}?from={from}&to={}", from + 999))?;
            all.extend_from_slice(window.items());
            if window.items().len() < 1_000 {
                return Ok(all);
            }
        }
    }

    pub(super) fn now(&self) -> Result<Timestamp, Failure> {
        match self.get("/test_clock") {
            Ok(clock) => clock
                .text("now")
                .and_then(Timestamp::parse)
                .ok_or_else(|| Failure::bug("the server's clock shows no time")),
            // Only a test server has that clock; others live in the present.
            Err(failure) if failure.fault() != Fault::Environment => Ok(SystemClock::default().now()),
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn define(&self, kind: Kind, id: Option<&str>, body: &Json) -> Result<Json, Failure> {
        let path = section_path(kind);
        let query = match kind {
            Kind::Campaign => format!("?type={}", body.text("type").unwrap_or("BEHAVIOR")),
            _ => String::new(),
        };
        let answer = match (kind, id) {
            (Kind::Settings, _) => self.call(Method::PUT, path, None, Some(body))?,
            (_, Some(id)) => {
                self.call(Method::PUT, &format!("{path}/{}{query}", segment(id)), None, Some(body))?
            }
            (_, None) => self.call(Method::POST, &format!("{path}{query}"), None, Some(body))?,
        };
        Ok(data(&answer))
    }

    pub(super) fn emit(&self, event: &Json, key: Option<&str>) -> Result<Json, Failure> {
        let answer = self.call(Method::POST, "/behavior/events", key, Some(event))?;
        let warnings = answer.get("warnings").map_or(&[][..], Json::items).to_vec();
        Ok(with_warnings(data(&answer), warnings))
    }

    pub(super) fn register_all(&self, rows: Vec<Row>) -> Result<Vec<RowResult>, Failure> {
        let client = &self.client;
        self.runtime.block_on(async move {
            let mut results: Vec<Option<RowResult>> = rows.iter().map(|_| None).collect();
            let mut waiting = rows.into_iter().enumerate();
            let mut tasks = JoinSet::new();
            loop {
                while tasks.len() < IN_FLIGHT_MAX
                    && let Some((index, row)) = waiting.next()
                {
                    let client = client.clone();
                    tasks.spawn(async move {
                        let answer =
                            client.call(Method::POST, "/customers", Some(&row.key), Some(&row.body)).await;
                        (index, answer.map(|answer| data(&answer)))
                    });
                }
                let Some(joined) = tasks.join_next().await else { break };
                let (index, result) = joined.map_err(|error| Failure::bug(error.to_string()))?;
                // What is wrong with the server is not wrong with the row.
                if let Err(failure) = &result
                    && matches!(failure.fault(), Fault::Environment | Fault::Bug)
                {
                    return Err(failure.clone());
                }
                if let Some(slot) = results.get_mut(index) {
                    *slot = Some(result);
                }
            }
            Ok(results.into_iter().flatten().collect())
        })
    }

    pub(super) fn migrate_all(&self, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        self.send_rows("/customers/migrate", "customers", rows)
    }

    pub(super) fn migrate_events(&self, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        self.send_rows("/customers/migrate/events", "customers", rows)
    }

    pub(super) fn migrate_transactions(&self, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        self.send_rows("/customers/migrate/transactions", "customers", rows)
    }

    pub(super) fn join_all(&self, audience: &str, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        self.send_rows(&format!("/audiences/{}/members", segment(audience)), "customers", rows)
    }

    pub(super) fn emit_all(&self, events: &[Json]) -> Result<Vec<RowResult>, Failure> {
        self.send_rows("/behavior/events/batch", "events", events)
    }

    /// Sends rows in as few calls as they fit into. A call that is refused as a whole is sent in halves: what is wrong with a row
    /// is not wrong with its neighbours, and each row acts once, by its key.
    fn send_rows(&self, path: &str, name: &'static str, rows: &[Json]) -> Result<Vec<RowResult>, Failure> {
        let mut results = Vec::with_capacity(rows.len());
        let mut rest = rows;
        while !rest.is_empty() {
            let (call, later) = rest.split_at(fitting(rest));
            rest = later;
            let body = object().with(name, call.to_vec()).build();
            match self.call(Method::POST, path, None, Some(&body)) {
                Ok(answer) => results.extend(rows_of(&data(&answer))?),
                Err(failure) if matches!(failure.fault(), Fault::Environment | Fault::Bug) => {
                    return Err(failure);
                }
                Err(failure) if call.len() == 1 => results.push(Err(failure)),
                Err(_) => {
                    let (one, other) = call.split_at(call.len() / 2);
                    results.extend(self.send_rows(path, name, one)?);
                    results.extend(self.send_rows(path, name, other)?);
                }
            }
        }
        Ok(results)
    }

    pub(super) fn fulfill(&self, event: &str) -> Result<Json, Failure> {
        Ok(data(&self.call(Method::PATCH, &format!("/behavior/events/{event}/fulfill"), None, None)?))
    }

    pub(super) fn reverse(&self, event: &str, request: &Json) -> Result<Json, Failure> {
        let path = format!("/behavior/events/{event}/reverse");
        Ok(data(&self.call(Method::POST, &path, None, Some(request))?))
    }

    pub(super) fn plan_reversal(&self, event: &str, request: &Json) -> Result<Json, Failure> {
        let path = format!("/behavior/events/{event}/reverse/plan");
        Ok(data(&self.call(Method::POST, &path, None, Some(request))?))
    }

    pub(super) fn explain_unsent(&self, event: &Json) -> Result<Json, Failure> {
        Ok(data(&self.call(Method::POST, "/behavior/events/explain", None, Some(event))?))
    }

    pub(super) fn customer(&self, id: &str) -> Result<Json, Failure> {
        self.get(&format!("/customers/{}", segment(id)))
    }

    pub(super) fn event(&self, id: &str) -> Result<Json, Failure> {
        self.get(&format!("/behavior/events/{id}"))
    }

    pub(super) fn explain(&self, id: &str) -> Result<Json, Failure> {
        self.get(&format!("/behavior/events/{id}/explain"))
    }

    pub(super) fn audiences(&self) -> Result<Vec<Json>, Failure> {
        self.definitions(Kind::Audience)
    }

    pub(super) fn members(
        &self,
        audience: &str,
        limit: usize,
        at: Option<&str>,
    ) -> Result<Vec<Json>, Failure> {
        let at = at.map(|at| format!("&at={}", segment(at))).unwrap_or_default();
        Ok(self.get(&format!("/audiences/{}/members?limit={limit}{at}", segment(audience)))?.items().to_vec())
    }

    pub(super) fn audience_history(
        &self,
        audience: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Json>, Failure> {
        let path = format!("/audiences/{}/history?after={after}&limit={limit}", segment(audience));
        Ok(self.get(&path)?.items().to_vec())
    }

    pub(super) fn audience_sizes(&self, audience: &str, from: i64, to: i64) -> Result<Json, Failure> {
        let span = format!("from={}&to={}", written_day(from), written_day(to));
        self.get(&format!("/audiences/{}/sizes?{span}", segment(audience)))
    }

    pub(super) fn recalculate(&self, audience: &str) -> Result<(), Failure> {
        let path = format!("/audiences/{}/recalculate", segment(audience));
        self.call(Method::POST, &path, None, None).map(drop)
    }

    pub(super) fn wait(&self, time: Duration) -> Result<(), Failure> {
        std::thread::sleep(time);
        Ok(())
    }

    pub(super) fn explain_membership(&self, audience: &str, customer: &str) -> Result<Json, Failure> {
        self.get(&format!("/audiences/{}/members/{}/explain", segment(audience), segment(customer)))
    }

    pub(super) fn preview_audience(&self, request: &Json) -> Result<Json, Failure> {
        Ok(data(&self.call(Method::POST, "/audiences/preview", None, Some(request))?))
    }

    pub(super) fn adjust(
        &self,
        how: &str,
        customer: &str,
        request: &Json,
        key: Option<&str>,
    ) -> Result<Json, Failure> {
        let path = format!("/customers/{}/wallet/{how}", segment(customer));
        Ok(data(&self.call(Method::POST, &path, key, Some(request))?))
    }

    pub(super) fn campaigns_with_codes(&self) -> Result<Vec<Json>, Failure> {
        let (mut campaigns, mut from) = (Vec::new(), 0);
        loop {
            let to = from + 999;
            let path = format!("/campaigns?type=COUPONS&include=CODES_SUMMARY&from={from}&to={to}");
            let page = self.get(&path)?.items().to_vec();
            let is_last = page.len() < 1_000;
            campaigns.extend(page);
            if is_last {
                return Ok(campaigns);
            }
            from = to + 1;
        }
    }

    pub(super) fn gift_card_rewards(&self) -> Result<Vec<Json>, Failure> {
        self.definitions(Kind::Reward)
    }

    pub(super) fn codes(
        &self,
        pool: &CodePool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Json>, Option<String>), Failure> {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let path = format!("{}?limit={limit}{after}", codes_path(pool));
        let page = self.call(Method::GET, &path, None, None)?;
        let next = page.text("next").map(ToOwned::to_owned);
        Ok((data(&page).items().to_vec(), next))
    }

    pub(super) fn add_codes(&self, pool: &CodePool, codes: &[Json]) -> Result<Json, Failure> {
        let body = object().with("codes", codes.to_vec()).build();
        Ok(data(&self.call(Method::POST, &codes_path(pool), None, Some(&body))?))
    }

    pub(super) fn campaign_report(&self, filter: &ReportFilter) -> Result<Json, Failure> {
        let by_day = if filter.by_day { "&by=day" } else { "" };
        let campaign = filter.campaign.as_deref().map(|id| format!("&campaign_id={}", segment(id)));
        let span = format!("from={}&to={}", written_day(filter.from), written_day(filter.to));
        self.get(&format!("/reports/campaigns?{span}{by_day}{}", campaign.unwrap_or_default()))
    }

    pub(super) fn funder_report(&self, from: i64, to: i64) -> Result<Json, Failure> {
        self.get(&format!("/reports/funders?from={}&to={}", written_day(from), written_day(to)))
    }

    pub(super) fn keys(&self) -> Result<Vec<Json>, Failure> {
        Ok(self.get("/keys")?.items().to_vec())
    }

    pub(super) fn make_key(&self, name: &str, server: bool) -> Result<Json, Failure> {
        let kind = if server { "SERVER" } else { "CLIENT" };
        let body = object().with("name", name).with("kind", kind).build();
        Ok(data(&self.call(Method::POST, "/keys", None, Some(&body))?))
    }

    pub(super) fn revoke_key(&self, id: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, &format!("/keys/{}", segment(id)), None, None).map(drop)
    }
}

fn data(answer: &Json) -> Json {
    answer.get("data").cloned().unwrap_or_default()
}

/// The path of the codes of a pool.
fn codes_path(pool: &CodePool) -> String {
    match pool {
        CodePool::Campaign(id) => format!("/campaigns/{}/codes", segment(id)),
        CodePool::Reward(id) => format!("/rewards/{}/codes", segment(id)),
    }
}

const fn section_path(kind: Kind) -> &'static str {
    match kind {
        Kind::Settings => "/settings",
        Kind::Brand => "/brands",
        Kind::EventType => "/event_types",
        Kind::Trait => "/traits",
        Kind::Tier => "/tiers",
        Kind::Reward => "/rewards",
        Kind::Campaign => "/campaigns",
        Kind::Audience => "/audiences",
        Kind::Template => "/templates",
        Kind::Journey => "/journeys",
        Kind::Webhook => "/webhooks",
    }
}

/// A definition as it was written: without what the server adds when it shows it.
fn as_written(kind: Kind, shown: &Json) -> Json {
    let mut body = object().build();
    for field in kind.shape().fields {
        if let Some(value) = shown.get(field.name) {
            body.set(field.name, value.clone());
        }
    }
    if kind == Kind::Campaign {
        let status = if shown.text("status") == Some("PAUSED") { "INACTIVE" } else { "ACTIVE" };
        body.set("status", status);
    }
    body
}

/// The answers of a batch, row by row.
fn rows_of(rows: &Json) -> Result<Vec<RowResult>, Failure> {
    let mut results = Vec::with_capacity(rows.items().len());
    for row in rows.items() {
        let status = row.integer("status").and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
        results.push(match row.get("data") {
            Some(data) if (200..300).contains(&status) => Ok(data.clone()),
            _ => Err(Failure::of_answer(status, row)),
        });
    }
    Ok(results)
}

/// How many of the first rows go into one call: of what rows hold no more than the server takes at once, and well below its
/// limit of bytes.
fn fitting(rows: &[Json]) -> usize {
    let held = |row: &Json| {
        let lists = ["events", "transactions"].into_iter().filter_map(|name| row.get(name));
        lists.map(|list| list.items().len()).sum::<usize>().max(1)
    };
    let (mut count, mut bytes, mut fitting) = (0, 0, 0);
    for row in rows {
        (count, bytes) = (count + held(row), bytes + row.to_string().len());
        if fitting > 0 && (count > MIGRATED_ROWS_MAX || bytes > CALL_BYTES) {
            break;
        }
        fitting += 1;
    }
    fitting
}
