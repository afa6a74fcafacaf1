//! Audiences: who is in, exact in time.
//!
//! - A1: membership is what the rule says now; it is kept together with the instant at which the rule will say
//!   otherwise by the mere passing of time, and ends at exactly that instant.
//! - A2: only audiences whose inputs changed are looked at.
//! - A3: anonymous, inactive and deleted customers are in no audience.

use crate::draft::{Draft, FactId};
use crate::fact::{Change, FactKind};
use crate::journeys;
use crate::prelude::*;
use crate::program::{AudienceKind, Watch};
use crate::rejection::Rejection;
use crate::state::{Membership, Standing};
use crate::value::{Timestamp, object};

/// Looks again at every dynamic audience that looks at something that changed.
pub(crate) fn evaluate(
    draft: &mut Draft<'_>,
    fact: FactId,
    at: Timestamp,
    changed: impl IntoIterator<Item = Watch>,
) {
    let program = draft.program;
    let mut concerned: Vec<u32> = Vec::new();
    changed.into_iter().for_each(|watch| concerned.extend(program.watching(&watch)));
    // Several may look at several of what changed.
    concerned.sort_unstable();
    concerned.dedup();
    evaluate_these(draft, fact, at, concerned);
}

/// Looks again at every dynamic audience: the program changed, or whether the customer takes part.
pub(crate) fn evaluate_all(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    if !draft.state.takes_part_in_audiences() {
        leave_all(draft, fact, at);
    }
    let all: Vec<u32> = draft.program.audiences().map(|audience| audience.number).collect();
    evaluate_these(draft, fact, at, all);
    let version = draft.program.audiences_version();
    if draft.state.audiences_seen != version {
        draft.record(fact, Change::AudiencesSeen(version));
    }
}

/// Looks again at everything although nothing is known to have changed: it comes to what was known, or mends it.
pub(crate) fn recalculate(draft: &mut Draft<'_>) {
    if draft.state.standing == Standing::Active {
        let now = draft.now;
        let fact = draft.open(FactKind::Due, now);
        evaluate_all(draft, fact, now);
    }
}

/// Looks at every audience as it is since the program changed: lists that begin with the members of another audience get theirs.
pub(crate) fn catch_up(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    if draft.state.takes_part_in_audiences() {
        let seen = draft.state.audiences_seen;
        let fresh = draft.program.audiences().filter_map(|audience| {
            let frozen = audience.spec.frozen.filter(|frozen| frozen.version > seen)?;
            // Nothing happened since: what was known then is known now.
            let view = draft.view(frozen.at, None).live();
            (view.is_member(frozen.source) && !draft.state.is_member(audience.number))
                .then_some(audience.number)
        });
        let fresh: Vec<u32> = fresh.collect();
        for audience in fresh {
            set(draft, fact, at, Membership { audience, inside: true, since: at, flips_at: None });
        }
    }
    evaluate_all(draft, fact, at);
}

/// Looks again at the audiences whose membership flips at this instant.
pub(crate) fn evaluate_due(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    let due: BTreeSet<u32> = draft
        .state
        .memberships
        .iter()
        .filter(|membership| membership.flips_at.is_some_and(|flips_at| flips_at <= at))
        .map(|membership| membership.audience)
        .collect();
    evaluate_these(draft, fact, at, due);
}

fn evaluate_these(
    draft: &mut Draft<'_>,
    fact: FactId,
    at: Timestamp,
    concerned: impl IntoIterator<Item = u32>,
) {
    if !draft.state.takes_part_in_audiences() {
        return;
    }
    let view = draft.view(at, None).live();
    let changes: Vec<Membership> = concerned
        .into_iter()
        .filter_map(|number| draft.program.audience(number))
        .filter_map(|audience| {
            let (inside, flips_at) = match &audience.spec.kind {
                AudienceKind::Dynamic(rule) if audience.spec.active => rule.verdict(&view),
                AudienceKind::Dynamic(_) => (false, None),
                // A rule that became a list: who is in stays in, and nothing falls due any more.
                AudienceKind::Static => (draft.state.is_member(audience.number), None),
            };
            let known = draft.state.membership(audience.number);
            let since = known.filter(|known| known.inside == inside).map_or(at, |known| known.since);
            let now = Membership { audience: audience.number, inside, since, flips_at };
            let was = known.copied().unwrap_or(Membership { inside: false, flips_at: None, ..now });
            ((was.inside, was.flips_at) != (now.inside, now.flips_at)).then_some(now)
        })
        .collect();
    for membership in changes {
        set(draft, fact, at, membership);
    }
}

/// Books a membership; unless it is done quietly, tells of entering and leaving, and starts journeys on entering.
fn set(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, membership: Membership) {
    let was_inside = draft.state.is_member(membership.audience);
    draft.record(fact, Change::Member(membership));
    if was_inside == membership.inside || draft.quiet {
        return;
    }
    let audience_id = draft.program.audience(membership.audience).map(|audience| audience.id.clone());
    let name = if membership.inside { "AUDIENCE_ENTERED" } else { "AUDIENCE_LEFT" };
    draft.tell(name, at, |draft| {
        object()
            .with("customer_id", draft.profile.id())
            .with("audience_id", audience_id.unwrap_or_default())
            .build()
    });
    if membership.inside {
        journeys::on_audience_entry(draft, fact, at, membership.audience);
    }
}

/// Leaves every audience.
pub(crate) fn leave_all(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    let memberships = draft.state.memberships.clone();
    for membership in memberships {
        set(draft, fact, at, Membership { inside: false, since: at, flips_at: None, ..membership });
    }
}

/// Puts a customer on the list of a static audience, or takes them off it; gives whether that changed anything.
pub(crate) fn list(
    draft: &mut Draft<'_>,
    fact: FactId,
    audience: u32,
    inside: bool,
) -> Result<bool, Rejection> {
    let spec = draft.program.audience(audience).map(|audience| &audience.spec.kind);
    if !matches!(spec, Some(AudienceKind::Static)) {
        return Err(Rejection::AudienceDynamic);
    }
    if inside && draft.state.anonymous {
        return Err(Rejection::CustomerAnonymous);
    }
    if inside && draft.state.standing != Standing::Active {
        return Err(Rejection::CustomerInactive);
    }
    if draft.state.is_member(audience) == inside {
        return Ok(false);
    }
    let now = draft.now;
    set(draft, fact, now, Membership { audience, inside, since: now, flips_at: None });
    evaluate(draft, fact, now, [Watch::Listed(audience)]);
    Ok(true)
}
