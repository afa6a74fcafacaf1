//! Birthdays: an event of the engine's own at local midnight, for campaigns and journeys that wait for it.
//!
//! - Y1: a birthday begins at midnight of the account's zone; 29 February is kept on the 28th in years without it.
//! - Y2: there is one a year at most: another date of birth brings no second one.
//! - Y3: birthdays count from the moment a definition waits for them, or the date of birth was told, whichever is later.

use crate::draft::{Caused, Draft, FactId};
use crate::fact::Change;
use crate::profile::Profile;
use crate::program::Program;
use crate::state::State;
use crate::value::{DAY, Timestamp, Zone, object};

/// The type of the event.
pub(crate) const BIRTHDAY: &str = "BIRTHDAY";
/// How long after a birthday no other one is looked for (Y2): less than a year, more than what makes it pay to change
/// the date.
const APART: i64 = 300 * DAY;

/// When the customer's next birthday begins, when something waits for it.
pub(crate) fn next(state: &State, profile: &Profile, program: &Program) -> Option<Timestamp> {
    let since = program.birthdays_since()?;
    let after = state.birthdays_seen?.max(since);
    let born = Zone::UTC.local(profile.dob()?);
    let next = program.settings().time_zone.next_anniversary(born.month, born.day, after);
    (next < Timestamp::MAX).then_some(next)
}

/// Emits the event of a birthday that begins.
pub(crate) fn begin(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    draft.record(fact, Change::BirthdaysSeen(at.plus(APART)));
    // Who was born on 29 February is a year older the day after it is kept on the 28th: that age is meant.
    let age = draft.profile.dob().map(|born| draft.program.settings().time_zone.age(born, at.plus(DAY)));
    let data = object().with_some("age", age).build();
    draft.caused.push(Caused { cause: fact, event_type: BIRTHDAY, at, data });
}

/// Whether a date of birth was told before birthdays were looked at, by an older build: they count from now on.
pub(crate) fn is_unseen(draft: &Draft<'_>) -> bool {
    let waits = draft.program.birthdays_since().is_some();
    waits && draft.state.birthdays_seen.is_none() && draft.profile.dob().is_some()
}

/// A date of birth was told, in the place of `before`: birthdays that have passed do not count (Y3).
pub(crate) fn told(draft: &mut Draft<'_>, fact: FactId, before: Option<Timestamp>) {
    let born = draft.profile.dob();
    if born.is_some() && born != before {
        let seen = draft.state.birthdays_seen.map_or(draft.now, |seen| seen.max(draft.now));
        draft.record(fact, Change::BirthdaysSeen(seen));
    }
}
