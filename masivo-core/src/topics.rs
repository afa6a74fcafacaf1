//! Push topics: every audience is a topic that the devices of its members follow, so that one send reaches all of them.
//!
//! - P1: a device follows a topic while its token lives, its customer is in the audience and allows push.
//! - P2: every change of that is one row of the outbox, made in the commit of what changed it; what comes to the same makes none.
//! - P3: nothing is told of accounts that have not said by which name their topics begin.

use crate::consent::Purpose;
use crate::draft::Draft;
use crate::outgoing::{Outgoing, Suppression, Target};
use crate::prelude::*;
use crate::profile::Profile;
use crate::program::Program;
use crate::state::{Standing, State};
use crate::value::{Timestamp, object};

/// Which tokens follow which audiences.
#[derive(Debug, Default)]
pub(crate) struct Followed(BTreeSet<(String, u32)>);

/// Which topics the devices of a customer follow at an instant (P1).
pub(crate) fn followed(draft: &Draft<'_>, now: Timestamp) -> Followed {
    let (state, profile) = (&draft.state, &draft.profile);
    if draft.program.settings().account_id.is_none() || suppression(state, profile, now).is_some() {
        return Followed::default();
    }
    let audiences = state.memberships.iter().filter(|membership| membership.inside);
    let audiences: Vec<u32> = audiences.map(|membership| membership.audience).collect();
    let tokens = profile.live_devices(now).filter_map(|device| device.text("device_token"));
    let of = |token: &str| audiences.iter().map(|audience| (token.to_owned(), *audience)).collect::<Vec<_>>();
    Followed(tokens.flat_map(of).collect())
}

/// Tells what changed since `before` (P2).
pub(crate) fn tell(draft: &mut Draft<'_>, before: &Followed) {
    // Of whoever was deleted nothing is told but that: their tokens are gone.
    if draft.state.standing == Standing::Deleted {
        return;
    }
    let after = followed(draft, draft.now);
    let left = before.0.difference(&after.0).map(|change| (change, false));
    let entered = after.0.difference(&before.0).map(|change| (change, true));
    for ((token, audience), subscribe) in left.chain(entered) {
        let Some(topic) = topic(draft.program, *audience) else { continue };
        let body = object().with("topic", topic).with("token", token.as_str()).build();
        let (id, target) = (draft.mint.next_id(), Target::Topic { audience: *audience, subscribe });
        draft.outgoing.push(Outgoing { id, at: draft.now, target, suppressed: None, body });
    }
}

/// The topic of an audience: `{account_id}_audience_{audience_id}`.
pub fn topic(program: &Program, audience: u32) -> Option<String> {
    let account = program.settings().account_id.as_ref()?;
    Some(format!("{account}_audience_{}", program.audience(audience)?.id))
}

/// Why no device of a customer may follow a topic now; asked when that is told and again when it is handed over.
pub fn suppression(state: &State, profile: &Profile, now: Timestamp) -> Option<Suppression> {
    match state.standing {
        Standing::Deleted => return Some(Suppression::Deleted),
        Standing::Inactive => return Some(Suppression::Inactive),
        Standing::Active => {}
    }
    if state.anonymous {
        return Some(Suppression::Anonymous);
    }
    if !state.permissions.allow(Purpose::PushNotifications) {
        return Some(Suppression::Consent);
    }
    profile.live_device(now).is_none().then_some(Suppression::NoAddress)
}
