//! `masivo report`: what became of what campaigns gave, and who pays for it.

use crate::arguments::{Report, Shared, Span};
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, plain, table};
use masivo_core::value::{DAY, Json, Timestamp};
use masivo_store::query::ReportFilter;

/// Days that a report is about when nothing is said.
const DAYS: i64 = 30;

/// Shows the report that was asked for.
pub(super) fn run(shared: &Shared, what: &Report, output: Output) -> Result<(), Failure> {
    let mut door = Door::open(shared)?;
    match what {
        Report::Campaigns { span, by_day, campaign } => {
            let campaign = campaign.as_deref().map(|name| campaign_id(&mut door, name)).transpose()?;
            let (from, to) = days(&mut door, span)?;
            let filter = ReportFilter { from, to, by_day: *by_day, campaign };
            let lines = door.campaign_report(&filter)?;
            output.answer(&lines, || campaigns_text(&lines, *by_day))
        }
        Report::Funders { span } => {
            let (from, to) = days(&mut door, span)?;
            let lines = door.funder_report(from, to)?;
            output.answer(&lines, || funders_text(&lines))
        }
    }
}

fn campaign_id(door: &mut Door, name: &str) -> Result<String, Failure> {
    let program = door.program()?;
    let found = program.campaigns().find(|campaign| campaign.id == name);
    let found = found.or_else(|| program.campaigns().find(|campaign| campaign.spec.name == name));
    found.map(|campaign| campaign.id.clone()).ok_or_else(|| {
        let message = format!("there is no campaign `{name}`");
        Failure::refused("definition_not_found", message, "give its id or its name")
    })
}

/// The UTC days that are meant, the last 30 when nothing is said.
pub(super) fn days(door: &mut Door, span: &Span) -> Result<(i64, i64), Failure> {
    let day = |text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => Timestamp::parse_date_or_time(text).map(Timestamp::day).map(Some).ok_or_else(|| {
            Failure::usage(format!("`{}` is not a day", text.escape_debug()), "write it as YYYY-MM-DD")
        }),
    };
    let to = match day(&span.to)? {
        Some(to) => to,
        None => door.now()?.day(),
    };
    let from = day(&span.from)?.unwrap_or(to.saturating_sub(DAYS));
    if from > to {
        return Err(Failure::usage("the span ends before it begins", "give the earlier day as --from"));
    }
    Ok((from, to))
}

/// A day as HTTP takes it.
pub(crate) fn written(day: i64) -> String {
    let text = Timestamp::from_milliseconds(day.saturating_mul(DAY)).to_string();
    text.get(..10).unwrap_or_default().to_owned()
}

fn campaigns_text(lines: &Json, by_day: bool) -> String {
    if lines.items().is_empty() {
        return "nothing was given".to_owned();
    }
    let names =
        ["issued", "redeemed", "expired", "forfeited", "reversed", "outstanding", "liability", "breakage"];
    let rows = lines.items().iter().map(|line| {
        let campaign = line.text("campaign").unwrap_or("(no campaign)");
        let of = if by_day { format!("{} {campaign}", plain(line.get("day"))) } else { campaign.to_owned() };
        let [a, b, c, d, e, f, g, h] = names.map(|name| plain(line.get(name)));
        [of, a, b, c, d, e, f, g, h]
    });
    let [a, b, c, d, e, f, g, h] = names;
    table(["campaign", a, b, c, d, e, f, g, h], rows)
}

fn funders_text(lines: &Json) -> String {
    if lines.items().is_empty() {
        return "nothing was given".to_owned();
    }
    let rows = lines.items().iter().map(|line| {
        let part = |name: &str| plain(line.get(name));
        let name = line.text("funded_by").unwrap_or("(nobody named)").to_owned();
        [name, part("issued_value"), part("redeemed_value"), part("liability")]
    });
    table(["funder", "issued", "redeemed", "liability"], rows)
}
