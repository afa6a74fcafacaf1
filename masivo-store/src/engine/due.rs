//! What falls due: waking customers, going on with a re-evaluation, moving a test clock.

use super::answer::Answer;
use super::cache::Dirty;
use super::drawing;
use super::load;
use super::process::{Failure, Known, Submitted, apply, attempt, load_needs, quarantine};
use super::writer::Desk;
use crate::backend::{CustomerKey, CustomerRow, Sweep, Unit, Write};
use crate::error::StoreError;
use masivo_core::problem::{Pointer, Report};
use masivo_core::value::Timestamp;
use masivo_core::{Command, Loaded, Rejection};

/// How far a test clock may go at once: two years.
const CLOCK_STEP_MAX: i64 = 2 * 366 * masivo_core::value::DAY;

pub(super) fn set_clock(desk: &mut Desk, unit: &mut impl Unit, to: Timestamp) -> Submitted<Answer> {
    let mut report = Report::default();
    let root = Pointer::root();
    let at = root.field("now");
    let last = masivo_core::value::Zone::UTC.start_of_date(2200, 1, 1).unwrap_or(Timestamp::MAX);
    if to < desk.now {
        let message = format!("{to} is before the clock's {}", desk.now);
        report.problem(&at, "clock_backwards", message, "time only moves forward");
    } else if to.since(desk.now) > CLOCK_STEP_MAX {
        let message = format!("{to} is more than two years after {}", desk.now);
        report.problem(&at, "clock_too_far", message, "move in steps of at most two years");
    } else if to >= last {
        report.problem(&at, "clock_too_far", format!("{to} is beyond 2199"), "stay before the year 2200");
    } else if !desk.shared.clock.set(to) {
        report.problem(
            &at,
            "clock_runs",
            "the clock runs by itself",
            "start with a test clock to set the time",
        );
    }
    if report.has_problems() {
        return Ok(Err(Rejection::Malformed(report).into()));
    }
    desk.now = to;
    catch_up(desk, unit)?;
    Ok(Ok(Answer::Instant(to)))
}

/// Customers woken or swept in one step of a long run.
const AT_ONCE: usize = 1_024;

/// Applies everything due, and finishes a re-evaluation under way.
pub(super) fn catch_up(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    wake_all_due(desk, unit)?;
    begin_recalculation(desk, unit)?;
    finish_sweep(desk, unit)?;
    while drawing::is_under_way(desk) {
        drawing::draw(desk, unit, AT_ONCE)?;
        // Cuts that were drawn are a definition that was written: everybody is looked at by them.
        finish_sweep(desk, unit)?;
    }
    Ok(())
}

/// Looks at everybody who is still to be looked at.
pub(super) fn finish_sweep(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    while desk.sweep.is_some() {
        sweep(desk, unit, AT_ONCE)?;
        super::writer::write_customers(desk, unit)?;
        desk.cache.flushed();
    }
    Ok(())
}

/// Applies everything due.
pub(super) fn wake_all_due(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    loop {
        // The wake-ups that were set so far must be written before the next ones are looked for.
        super::writer::write_customers(desk, unit)?;
        desk.cache.flushed();
        if wake_up_due(desk, unit, AT_ONCE)? == 0 {
            return Ok(());
        }
    }
}

/// Wakes up customers whose time has come; gives how many.
pub(super) fn wake_up_due(desk: &mut Desk, unit: &mut impl Unit, most: usize) -> Result<usize, StoreError> {
    let due = unit.due(desk.now, most)?;
    let mut woken = 0;
    // Whoever is refused something that a hold of somebody later in the row may stand in the way of waits for them.
    let mut waiting = Vec::new();
    for key in due {
        // Changed in this group, and not written yet: its new wake-up counts.
        let row = load::customer_by_key(desk, unit, key)?;
        let Some(row) = row else { continue };
        if row.armed.is_some_and(|armed| armed > desk.now) {
            continue;
        }
        if !wake_up(desk, unit, row, &Command::WakeUp, false)? {
            waiting.push(key);
        }
        woken += 1;
    }
    for key in waiting {
        if let Some(row) = load::customer_by_key(desk, unit, key)? {
            wake_up(desk, unit, row, &Command::WakeUp, true)?;
        }
    }
    Ok(woken)
}

/// Wakes a customer up; gives whether that was possible before what fell due for others is booked.
fn wake_up(
    desk: &mut Desk,
    unit: &mut impl Unit,
    row: CustomerRow,
    command: &Command,
    settled: bool,
) -> Result<bool, StoreError> {
    let head = row.state.head;
    let (known, customer) = Known::split(row);
    let mut loaded = Loaded { customer: Some(customer), ..Loaded::default() };
    load_needs(desk, unit, command, &known, head, &mut loaded)?;
    let seed = desk.counters.fact.to_be_bytes();
    match attempt(desk, loaded, command, &seed, false, settled) {
        Err(Failure::Unknown(quotas)) => {
            desk.quotas.learn(unit, quotas)?;
            match load::customer_by_key(desk, unit, known.key)? {
                Some(row) => wake_up(desk, unit, row, command, settled),
                None => Ok(true),
            }
        }
        Ok(mut decision) => {
            let facts = std::mem::take(&mut decision.facts);
            apply(desk, unit, Some(known), decision, &facts, false)?;
            Ok(true)
        }
        Err(Failure::Bug(text)) => {
            drop(quarantine(desk, unit, &text)?);
            // A customer that cannot be woken must not hold the others up.
            if let Some(row) = load::customer_by_key(desk, unit, known.key)? {
                let changed = Dirty { was_armed: known.armed, ..Dirty::default() };
                desk.cache.change(CustomerRow { armed: None, ..row }, changed);
            }
            Ok(true)
        }
        Err(Failure::Refused(_)) => Ok(true),
        Err(Failure::Overdue) => Ok(false),
    }
}

/// Goes on with looking at all customers again.
pub(super) fn sweep(desk: &mut Desk, unit: &mut impl Unit, most: usize) -> Result<(), StoreError> {
    let Some(sweep) = desk.sweep else { return Ok(()) };
    let keys: Vec<CustomerKey> = unit.customers(sweep.after, most)?.into_iter().map(|row| row.key).collect();
    let command = if sweep.whole { Command::Recalculate } else { Command::WakeUp };
    for key in &keys {
        if let Some(row) = load::customer_by_key(desk, unit, *key)?
            && (sweep.whole || row.state.audiences_seen != sweep.version)
        {
            wake_up(desk, unit, row, &command, true)?;
        }
    }
    // Customers made in this group carry the new version already.
    desk.sweep = keys.last().map(|last| Sweep { after: *last, ..sweep });
    desk.untidy |= desk.sweep.is_none();
    unit.write(Write::Sweep(desk.sweep))
}

/// Takes away what is left of members that are listed no longer, once nobody is looked at; gives how many.
pub(super) fn tidy(desk: &Desk, unit: &mut impl Unit, most: usize) -> Result<usize, StoreError> {
    if desk.sweep.is_some() {
        return Ok(0);
    }
    let unlisted = unit.unlisted(most)?;
    for (audience, customer) in &unlisted {
        unit.write(Write::Unlisted { audience: *audience, customer: *customer })?;
    }
    Ok(unlisted.len())
}

/// Begins to look at all customers again when a schedule says so; not while they are being looked at.
pub(super) fn begin_recalculation(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    let due = desk.program.next_recalculation(desk.counters.recalculated);
    if desk.sweep.is_none() && due.is_some_and(|due| due <= desk.now) {
        recalculate(desk, unit)?;
    }
    Ok(())
}

/// Begins to look at all customers again, from their facts on.
pub(super) fn recalculate(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    let version = desk.program.audiences_version();
    let since = desk.sweep.map_or(version, |sweep| sweep.since);
    let freezes = desk.sweep.is_some_and(|sweep| sweep.freezes);
    desk.sweep = Some(Sweep { version, since, after: 0, whole: true, freezes });
    desk.counters.recalculated = Some(desk.now);
    unit.write(Write::Recalculated(desk.now))?;
    unit.write(Write::Sweep(desk.sweep))
}
