//! The program: one account's definitions, checked when they are written, immutable while they are used.
//!
//! A definition is written as JSON, checked, normalised and stored with a number and a version; the program in
//! memory is built from the stored ones. Writing a definition is a command at its place in the queue, so an
//! event is judged by the program as it stands at that place.
//!
//! - P1: a stored definition always reads again.
//! - P2: a started campaign keeps its rules, trigger, brand and start; an ended one keeps everything.
//! - P3: tier level 1 exists, is the default, has no conditions and cannot be removed.
//! - P4: an old version of a journey stays loaded: customers inside it go on as it was.
//! - P5: a campaign that rewards an event is always among its candidates.

mod audience;
mod brand;
mod campaign;
mod candidates;
mod computed_trait;
mod coupon;
mod define;
mod event_type;
mod journey;
mod limit;
mod punch_card;
mod referral;
mod reward;
mod settings;
mod streak;
mod template;
mod tier;
mod watched;
mod webhook;

use audience::recalculation;
pub use audience::{AUDIENCE, AUDIENCE_PREVIEW, AudienceKind, AudienceSpec, Frozen, read_preview_rule};
pub use brand::{BRAND, BrandSpec};
pub use campaign::{CAMPAIGN, CampaignRule, CampaignSpec, CampaignStatus, EffectSpec, Per};
pub use computed_trait::{Drawing, TRAIT, TraitSpec};
pub use coupon::CouponsSpec;
pub use define::{Defined, Definer, define, standard_definitions};
pub use event_type::{EVENT_TYPE, EventTypeSpec, Processing, RESERVED_EVENT_TYPES};
pub use journey::{JOURNEY, JourneySpec, Step, StepKind, Trigger};
pub use punch_card::{CardSpec, StampsPer};
pub use referral::ReferralSpec;
pub use reward::{Discount, Gift, GiftCards, Level, Notice, REWARD, RewardKind, RewardSpec};
pub use settings::{SETTINGS, Settings};
pub use streak::StreakSpec;
pub use template::{MissingValue, TEMPLATE, TemplateSpec};
pub use tier::{TIER, TierSpec};
pub use webhook::{WEBHOOK, WEBHOOK_EVENTS, WebhookSpec};

use crate::birthdays::BIRTHDAY;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{Inputs, Rule, read_conditions};
use crate::value::{Json, Timestamp, Zone};
use candidates::Candidates;
use watched::Watched;
pub(crate) use watched::{Watch, WatchedSeries, series_of_rule};

/// What kinds of definitions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The account's settings; there is one.
    Settings,
    /// A brand.
    Brand,
    /// A custom event type.
    EventType,
    /// A computed trait.
    Trait,
    /// A tier.
    Tier,
    /// An audience.
    Audience,
    /// A reward.
    Reward,
    /// A campaign.
    Campaign,
    /// A message template.
    Template,
    /// A journey.
    Journey,
    /// A webhook.
    Webhook,
}

impl Kind {
    /// Every kind, in an order in which each needs only earlier ones.
    pub const ALL: [Self; 11] = [
        Self::Settings,
        Self::Brand,
        Self::EventType,
        Self::Trait,
        Self::Tier,
        Self::Audience,
        Self::Reward,
        Self::Campaign,
        Self::Template,
        Self::Journey,
        Self::Webhook,
    ];

    /// The name used in paths, files and storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Brand => "brand",
            Self::EventType => "event_type",
            Self::Trait => "trait",
            Self::Tier => "tier",
            Self::Reward => "reward",
            Self::Campaign => "campaign",
            Self::Audience => "audience",
            Self::Template => "template",
            Self::Journey => "journey",
            Self::Webhook => "webhook",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A definition as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDefinition {
    /// What it is.
    pub kind: Kind,
    /// Its number within the kind, from 1.
    pub number: u32,
    /// Its public id: a UUID, or the merchant's own for brands and event types.
    pub id: String,
    /// How many times it was written.
    pub version: u32,
    /// The version of the whole program this write made.
    pub program_version: u32,
    /// When it was written.
    pub changed_at: Timestamp,
    /// What was written, normalised.
    pub body: Json,
}

/// A definition in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition<T> {
    /// Its number within the kind, from 1.
    pub number: u32,
    /// Its public id.
    pub id: String,
    /// How many times it was written.
    pub version: u32,
    /// The version of the whole program it came with.
    pub program_version: u32,
    /// When it was written.
    pub changed_at: Timestamp,
    /// What was written, normalised.
    pub body: Json,
    /// What it means.
    pub spec: T,
}

impl<T> Definition<T> {
    /// The public id as text.
    pub fn id_text(&self) -> &str {
        &self.id
    }

    /// The body together with the id, as answers show it.
    pub fn to_json(&self) -> Json {
        let mut json = crate::value::object().with("id", self.id.as_str()).build();
        json.merge(&self.body);
        json.set("version", self.version);
        json
    }
}

type List<T> = Vec<Arc<Definition<T>>>;

/// One account's definitions.
#[derive(Clone, Debug, Default)]
pub struct Program {
    version: u32,
    settings: Settings,
    settings_body: Json,
    settings_version: u32,
    brands: List<BrandSpec>,
    event_types: List<EventTypeSpec>,
    traits: List<TraitSpec>,
    tiers: List<TierSpec>,
    rewards: List<RewardSpec>,
    campaigns: List<CampaignSpec>,
    audiences: List<AudienceSpec>,
    templates: List<TemplateSpec>,
    journeys: List<JourneySpec>,
    old_journeys: List<JourneySpec>,
    webhooks: List<WebhookSpec>,
    candidates_by_trigger: BTreeMap<String, Arc<Candidates>>,
    journeys_by_event: BTreeMap<String, Vec<u32>>,
    watched: Arc<Watched>,
    audiences_version: u32,
    /// When that version was written.
    audiences_changed_at: Option<Timestamp>,
    /// The version that last changed the zone, and with it the bounds of all periods.
    zone_version: u32,
    birthdays_since: Option<Timestamp>,
    notices: bool,
    next_tier_by_level: Vec<u32>,
}

impl Program {
    /// The program of stored definitions, in the order they were written.
    ///
    /// # Errors
    /// A report when a stored definition does not read again: the store is damaged or newer.
    pub fn load(stored: impl IntoIterator<Item = StoredDefinition>) -> Result<Self, Report> {
        let mut program = Self::default();
        for definition in stored {
            program = program.put(&definition)?;
        }
        let triggers: BTreeSet<String> =
            program.campaigns.iter().map(|campaign| campaign.spec.trigger.clone()).collect();
        triggers.iter().for_each(|trigger| program.find_candidates(trigger));
        program.watched = Arc::new(Watched::of(&program));
        Ok(program)
    }

    /// The program with one more definition, or one written anew.
    ///
    /// # Errors
    /// A report with all problems of the definition.
    pub fn with(&self, stored: &StoredDefinition) -> Result<Self, Report> {
        let mut next = self.put(stored)?;
        if stored.kind == Kind::Audience {
            let mut report = Report::default();
            watched::check_references(&next, stored.number, &mut report);
            report.into_result(())?;
        }
        if stored.kind == Kind::Campaign {
            let versions = [self.campaign(stored.number), next.campaign(stored.number)];
            let triggers: BTreeSet<String> =
                versions.into_iter().flatten().map(|campaign| campaign.spec.trigger.clone()).collect();
            triggers.iter().for_each(|trigger| next.find_candidates(trigger));
        }
        if matches!(stored.kind, Kind::Audience | Kind::Trait | Kind::Settings) {
            next.watched = Arc::new(Watched::of(&next));
        }
        Ok(next)
    }

    /// Looks anew for what finds the campaigns of a trigger.
    fn find_candidates(&mut self, trigger: &str) {
        let candidates = Candidates::of(self.campaigns().filter(|campaign| campaign.spec.trigger == trigger));
        if candidates.all().is_empty() {
            self.candidates_by_trigger.remove(trigger);
        } else {
            self.candidates_by_trigger.insert(trigger.to_owned(), Arc::new(candidates));
        }
    }

    fn put(&self, stored: &StoredDefinition) -> Result<Self, Report> {
        let mut next = self.clone();
        let mut report = Report::default();
        let reading = Reading { program: self, zone: self.settings.time_zone, at: Pointer::root() };
        let (body, report_ref) = (&stored.body, &mut report);
        match stored.kind {
            Kind::Settings => next.put_settings(stored, settings::read(body, &reading, report_ref)),
            Kind::Brand => put(&mut next.brands, stored, brand::read(body)),
            Kind::EventType => put(&mut next.event_types, stored, event_type::read(body)),
            Kind::Trait => put(&mut next.traits, stored, computed_trait::read(body, &reading, report_ref)),
            Kind::Tier => {
                let mut tier = tier::read(body, &reading, report_ref);
                let old = self.tier(stored.number).filter(|old| old.spec.exit.is_some());
                tier.exit_since = old.map_or(stored.changed_at, |old| old.spec.exit_since);
                let known = self.tier(stored.number);
                if tier.can_be_left() && known.is_some_and(|known| !known.spec.can_be_left()) {
                    // Whoever is in it has a boundary to be woken at.
                    next.look_again(stored);
                }
                put(&mut next.tiers, stored, tier);
            }
            Kind::Reward => {
                let mut reward = reward::read(body, &reading, report_ref);
                let old = self.reward(stored.number).and_then(|old| old.spec.notice);
                if let Some(notice) = &mut reward.notice {
                    let same = old.filter(|old| old.days == notice.days);
                    notice.since = same.map_or(stored.changed_at, |old| old.since);
                    next.notices = true;
                    if same.is_none() && self.reward(stored.number).is_some() {
                        // Every customer is looked at, to find when theirs is due.
                        next.look_again(stored);
                    }
                }
                put(&mut next.rewards, stored, reward);
            }
            Kind::Campaign => put(&mut next.campaigns, stored, campaign::read(body, &reading, report_ref)),
            Kind::Audience => {
                let mut audience = audience::read(body, &reading, report_ref);
                let old = self.audience(stored.number).and_then(|old| old.spec.frozen);
                if let Some(frozen) = &mut audience.frozen {
                    let same = old.filter(|old| old.source == frozen.source);
                    let now = Frozen { at: stored.changed_at, version: stored.program_version, ..*frozen };
                    *frozen = same.unwrap_or(now);
                }
                put(&mut next.audiences, stored, audience);
            }
            Kind::Template => put(&mut next.templates, stored, template::read(body)),
            Kind::Journey => {
                if let Some(old) = next.journeys.iter().find(|journey| journey.number == stored.number) {
                    next.old_journeys.push(Arc::clone(old));
                }
                put(&mut next.journeys, stored, journey::read(body, &reading, report_ref));
            }
            Kind::Webhook => put(&mut next.webhooks, stored, webhook::read(body, &reading, report_ref)),
        }
        if report.has_problems() {
            return Err(report);
        }
        next.version = next.version.max(stored.program_version);
        next.index(stored);
        next.wait_for_birthdays(stored);
        Ok(next)
    }

    fn put_settings(&mut self, stored: &StoredDefinition, mut settings: Settings) {
        let periods = |settings: &Settings| (settings.time_zone, settings.reporting_period);
        let as_before = periods(&settings) == periods(&self.settings);
        settings.periods_since = if as_before { self.settings.periods_since } else { stored.changed_at };
        if settings.time_zone != self.settings.time_zone {
            self.zone_version = stored.program_version;
        }
        self.settings = settings;
        self.settings_body = stored.body.clone();
        self.settings_version = stored.version;
    }

    /// Brings the look-ups up to date after a definition was put.
    fn index(&mut self, stored: &StoredDefinition) {
        match stored.kind {
            Kind::Journey => {
                self.journeys_by_event.clear();
                for journey in &self.journeys {
                    if let Trigger::Event { event_type, .. } = &journey.spec.trigger {
                        self.journeys_by_event.entry(event_type.clone()).or_default().push(journey.number);
                    }
                }
            }
            // A new zone moves every calendar bound that an audience may look at.
            Kind::Audience | Kind::Trait | Kind::Settings => {
                self.look_again(stored);
            }
            Kind::Tier => {
                let mut tiers: Vec<(u32, u32)> =
                    self.tiers.iter().map(|tier| (tier.spec.level, tier.number)).collect();
                tiers.sort_unstable();
                self.next_tier_by_level = tiers.into_iter().map(|(_, number)| number).collect();
            }
            Kind::Brand
            | Kind::EventType
            | Kind::Reward
            | Kind::Campaign
            | Kind::Template
            | Kind::Webhook => {}
        }
    }

    /// How many definitions were ever written.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Whether some reward ever was announced before it expires.
    pub(crate) const fn has_notices(&self) -> bool {
        self.notices
    }

    /// Since when a campaign, audience or journey waits for birthdays; `None` when none ever did.
    pub(crate) const fn birthdays_since(&self) -> Option<Timestamp> {
        self.birthdays_since
    }

    /// Notes that something waits for birthdays: every customer is looked at, to find theirs.
    fn wait_for_birthdays(&mut self, stored: &StoredDefinition) {
        let waits = match stored.kind {
            Kind::Campaign => {
                self.campaign(stored.number).is_some_and(|campaign| campaign.spec.trigger == BIRTHDAY)
            }
            Kind::Audience => {
                let rule = self.audience(stored.number).and_then(|audience| audience.spec.rule());
                let events = rule.map(Rule::events).unwrap_or_default();
                let mut looked_at = events.iter().flat_map(|subject| subject.selections());
                looked_at.any(|selection| selection.event_type == BIRTHDAY)
            }
            Kind::Journey => {
                let exits = self.journey(stored.number).is_some_and(|journey| {
                    journey.spec.exits.iter().any(|(event_type, _)| event_type == BIRTHDAY)
                });
                exits || self.journeys_by_event.contains_key(BIRTHDAY)
            }
            _ => false,
        };
        if waits && self.birthdays_since.is_none() {
            self.birthdays_since = Some(stored.changed_at);
            self.look_again(stored);
        }
    }

    /// The program version that last changed what an audience may say, or when customers have to be woken.
    pub const fn audiences_version(&self) -> u32 {
        self.audiences_version
    }

    /// When that version was written: what its rules say holds from then on.
    pub(crate) fn audiences_changed_at(&self) -> Timestamp {
        self.audiences_changed_at.unwrap_or(Timestamp::MIN)
    }

    /// Notes that every customer is to be looked at by a definition.
    fn look_again(&mut self, stored: &StoredDefinition) {
        self.audiences_version = self.audiences_version.max(stored.program_version);
        self.audiences_changed_at = self.audiences_changed_at.max(Some(stored.changed_at));
    }

    /// The account's settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings as they were written.
    pub const fn settings_body(&self) -> &Json {
        &self.settings_body
    }

    /// How many times the settings were written.
    pub const fn settings_version(&self) -> u32 {
        self.settings_version
    }

    /// The brand of a merchant's id.
    pub fn brand(&self, id: &str) -> Option<&Definition<BrandSpec>> {
        by_id(&self.brands, id)
    }

    /// How events of a type are processed; `None` when the type is not known.
    pub fn processing(&self, event_type: &str) -> Option<Processing> {
        let custom = by_id(&self.event_types, event_type).map(|custom| custom.spec.processing);
        custom.or_else(|| event_type::built_in(event_type))
    }

    /// The tier of that number.
    pub fn tier(&self, number: u32) -> Option<&Definition<TierSpec>> {
        by_number(&self.tiers, number)
    }

    /// The tier of that id.
    pub fn tier_by_id(&self, id: &str) -> Option<&Definition<TierSpec>> {
        by_id(&self.tiers, id)
    }

    /// All tiers, lowest level first.
    pub fn tiers_by_level(&self) -> impl DoubleEndedIterator<Item = &Definition<TierSpec>> {
        self.next_tier_by_level.iter().filter_map(|number| self.tier(*number))
    }

    /// The default tier: level 1.
    pub fn base_tier(&self) -> u32 {
        self.next_tier_by_level.first().copied().unwrap_or(0)
    }

    /// The reward of that number.
    pub fn reward(&self, number: u32) -> Option<&Definition<RewardSpec>> {
        by_number(&self.rewards, number)
    }

    /// The reward of that id.
    pub fn reward_by_id(&self, id: &str) -> Option<&Definition<RewardSpec>> {
        by_id(&self.rewards, id)
    }

    /// The campaign of that number.
    pub fn campaign(&self, number: u32) -> Option<&Definition<CampaignSpec>> {
        by_number(&self.campaigns, number)
    }

    /// The campaign of that id.
    pub fn campaign_by_id(&self, id: &str) -> Option<&Definition<CampaignSpec>> {
        by_id(&self.campaigns, id)
    }

    /// What finds the campaigns that an event type triggers; `None` when there are none.
    pub(crate) fn candidates(&self, event_type: &str) -> Option<&Candidates> {
        self.candidates_by_trigger.get(event_type).map(Arc::as_ref)
    }

    /// The audience of that number.
    pub fn audience(&self, number: u32) -> Option<&Definition<AudienceSpec>> {
        by_number(&self.audiences, number)
    }

    /// The template of that number.
    pub fn template(&self, number: u32) -> Option<&Definition<TemplateSpec>> {
        by_number(&self.templates, number)
    }

    /// The template of that id.
    pub fn template_by_id(&self, id: &str) -> Option<&Definition<TemplateSpec>> {
        by_id(&self.templates, id)
    }

    /// The present version of a journey.
    pub fn journey(&self, number: u32) -> Option<&Definition<JourneySpec>> {
        by_number(&self.journeys, number)
    }

    /// A journey as it was in that version.
    pub fn journey_version(&self, number: u32, version: u32) -> Option<&Definition<JourneySpec>> {
        let all = self.journeys.iter().chain(&self.old_journeys);
        all.map(Arc::as_ref).find(|journey| journey.number == number && journey.version == version)
    }

    /// The journey of that id.
    pub fn journey_by_id(&self, id: &str) -> Option<&Definition<JourneySpec>> {
        by_id(&self.journeys, id)
    }

    /// The journeys that an event type starts.
    pub fn journeys_started_by(&self, event_type: &str) -> impl Iterator<Item = &Definition<JourneySpec>> {
        let numbers = self.journeys_by_event.get(event_type).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| self.journey(*number))
    }

    /// The webhook of that number.
    pub fn webhook(&self, number: u32) -> Option<&Definition<WebhookSpec>> {
        by_number(&self.webhooks, number)
    }

    /// The webhook of that id.
    pub fn webhook_by_id(&self, id: &str) -> Option<&Definition<WebhookSpec>> {
        by_id(&self.webhooks, id)
    }

    /// The active webhooks that want an event of that name.
    pub fn webhooks_for(&self, event: &str) -> impl Iterator<Item = &Definition<WebhookSpec>> {
        self.webhooks.iter().map(Arc::as_ref).filter(move |webhook| {
            webhook.spec.active && webhook.spec.events.iter().any(|wanted| wanted == event)
        })
    }

    /// All brands, oldest first.
    pub fn brands(&self) -> impl Iterator<Item = &Definition<BrandSpec>> {
        self.brands.iter().map(Arc::as_ref)
    }

    /// All custom event types, oldest first.
    pub fn event_types(&self) -> impl Iterator<Item = &Definition<EventTypeSpec>> {
        self.event_types.iter().map(Arc::as_ref)
    }

    /// All computed traits, oldest first.
    pub fn traits(&self) -> impl Iterator<Item = &Definition<TraitSpec>> {
        self.traits.iter().map(Arc::as_ref)
    }

    /// All rewards, oldest first.
    pub fn rewards(&self) -> impl Iterator<Item = &Definition<RewardSpec>> {
        self.rewards.iter().map(Arc::as_ref)
    }

    /// All campaigns, oldest first.
    pub fn campaigns(&self) -> impl Iterator<Item = &Definition<CampaignSpec>> {
        self.campaigns.iter().map(Arc::as_ref)
    }

    /// All audiences, oldest first.
    pub fn audiences(&self) -> impl Iterator<Item = &Definition<AudienceSpec>> {
        self.audiences.iter().map(Arc::as_ref)
    }

    /// All templates, oldest first.
    pub fn templates(&self) -> impl Iterator<Item = &Definition<TemplateSpec>> {
        self.templates.iter().map(Arc::as_ref)
    }

    /// All journeys, oldest first.
    pub fn journeys(&self) -> impl Iterator<Item = &Definition<JourneySpec>> {
        self.journeys.iter().map(Arc::as_ref)
    }

    /// All webhooks, oldest first.
    pub fn webhooks(&self) -> impl Iterator<Item = &Definition<WebhookSpec>> {
        self.webhooks.iter().map(Arc::as_ref)
    }
}

/// What reading a definition may look at.
pub(crate) struct Reading<'a> {
    pub(crate) program: &'a Program,
    pub(crate) zone: Zone,
    pub(crate) at: Pointer<'a>,
}

impl Reading<'_> {
    /// Reads conditions that look at the customer, an event or the time, but not at past events: audiences do.
    pub(crate) fn conditions(&self, json: Option<&Json>, at: &Pointer<'_>, report: &mut Report) -> Rule {
        let rule = read_conditions(json, at, self.zone, report);
        if rule.inputs().touches(Inputs::HISTORY) {
            let hint = "write an audience with that condition, and ask for it with `customer.audiences`";
            report.problem(at, "subject_not_allowed", "only audiences look at past events", hint);
        }
        self.check_names(rule.source(), at, report);
        rule
    }

    /// Names event types and audiences that conditions ask for and that there are not, each in its place.
    pub(crate) fn check_names(&self, conditions: &Json, at: &Pointer<'_>, report: &mut Report) {
        if let Json::List(items) = conditions {
            for (index, item) in items.iter().enumerate() {
                self.check_names(item, &at.index(index), report);
            }
        }
        if let Some(event_type) =
            conditions.text("event").filter(|name| self.program.processing(name).is_none())
        {
            let message = format!("there is no event type `{event_type}`");
            let hint = "write the event type first, or use a built-in one such as PURCHASE or ADD_TO_CART";
            report.problem(&at.field("event"), "unknown_event_type", message, hint);
        }
        if let Some(name) = conditions.text("type").and_then(|text| text.strip_prefix("customer.traits."))
            && self.program.computed_trait(name).is_none()
        {
            let message = format!("there is no trait `{name}`");
            report.problem(&at.field("type"), "unknown_trait", message, "write the trait first");
        }
        let about_audiences = conditions.text("type") == Some("customer.audiences");
        for (name, value) in conditions.fields() {
            let place = at.field(name);
            match (about_audiences && &**name == "value", value) {
                (true, Json::Text(id)) => self.check_audience(id, &place, report),
                (true, Json::List(ids)) => {
                    for (index, id) in ids.iter().enumerate() {
                        self.check_audience(id.as_text().unwrap_or_default(), &place.index(index), report);
                    }
                }
                (_, Json::List(_) | Json::Object(_)) => self.check_names(value, &place, report),
                _ => {}
            }
        }
    }

    fn check_audience(&self, id: &str, at: &Pointer<'_>, report: &mut Report) {
        if self.program.audience_by_id(id).is_none() {
            let message = format!("there is no audience `{id}`");
            report.problem(
                at,
                "unknown_audience",
                message,
                "write that audience first, and name it by its id",
            );
        }
    }
}

fn put<T>(list: &mut List<T>, stored: &StoredDefinition, spec: T) {
    let definition = Arc::new(Definition {
        number: stored.number,
        id: stored.id.clone(),
        version: stored.version,
        program_version: stored.program_version,
        changed_at: stored.changed_at,
        body: stored.body.clone(),
        spec,
    });
    match list.iter_mut().find(|known| known.number == stored.number) {
        Some(slot) => *slot = definition,
        None => list.push(definition),
    }
}

/// Definitions are numbered from 1 in the order of the list.
fn by_number<T>(list: &List<T>, number: u32) -> Option<&Definition<T>> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    list.get(index).map(Arc::as_ref)
}

fn by_id<'a, T>(list: &'a List<T>, id: &str) -> Option<&'a Definition<T>> {
    list.iter().map(Arc::as_ref).find(|definition| definition.id == id)
}
