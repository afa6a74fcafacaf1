//! Every bound of the engine in one place, with the reason for its size.

/// Bytes of a customer id, as the product allows.
pub const CUSTOMER_ID_BYTES_MAX: usize = 255;
/// Bytes of any other short text: names, codes, tags.
pub const TEXT_BYTES_MAX: usize = 1_000;
/// Bytes of a long text: descriptions, consent strings, tokens.
pub const LONG_TEXT_BYTES_MAX: usize = 10_000;
/// Bytes of a template part.
pub const TEMPLATE_BYTES_MAX: usize = 256 * 1024;
/// Levels of nesting in JSON: far more than any request has, far less than a stack holds.
pub const JSON_DEPTH_MAX: usize = 32;
/// Values in one JSON document: a batch of 1,000 events with 100 values each fits.
pub const JSON_NODES_MAX: usize = 200_000;
/// Problems named in one answer.
pub const PROBLEMS_MAX: usize = 100;
/// Product lines of one order.
pub const PRODUCTS_MAX: usize = 1_000;
/// Rewards redeemed in one event.
pub const REDEEMS_MAX: usize = 20;
/// Tags or metadata entries of one object.
pub const ENTRIES_MAX: usize = 200;
/// Devices of one customer; the oldest leaves.
pub const DEVICES_MAX: usize = 10;
/// Alternatives (OR) and conditions in each (AND) of one rule.
pub const RULE_BRANCH_MAX: usize = 50;
/// Nodes of one compiled rule.
pub const RULE_NODES_MAX: usize = 500;
/// Levels of one compiled rule.
pub const RULE_DEPTH_MAX: usize = 16;
/// Values of an `in` list.
pub const RULE_LIST_MAX: usize = 1_000;
/// Rules of one campaign.
pub const CAMPAIGN_RULES_MAX: usize = 50;
/// Limits of one campaign, beside its budget: each kind of scope, count and period once.
pub const CAMPAIGN_LIMITS_MAX: usize = 24;
/// Codes of one coupon campaign.
pub const COUPON_CODES_MAX: i64 = 1_000_000;
/// Supplied codes in one request.
pub const COUPON_CODES_AT_ONCE_MAX: usize = 10_000;
/// Characters of a code, spaces and dashes not counted: shorter ones are guessed.
pub const COUPON_CODE_LENGTH_MIN: usize = 4;
/// Characters of a code, spaces and dashes not counted.
pub const COUPON_CODE_LENGTH_MAX: usize = 32;
/// Gift cards that one effect gives.
pub const GIFT_CARDS_AT_ONCE_MAX: i32 = 10;
/// Stamps that fill a punch card.
pub const CARD_STAMPS_MAX: i64 = 1_000;
/// Stamps that one event gives on one card; more are not counted.
pub const STAMPS_AT_ONCE_MAX: i64 = 1_000;
/// Stamps of one campaign that a customer has at hand, on full cards that wait and on the one begun: each may be a lot.
pub const STAMPS_AT_HAND_MAX: i64 = 2_000;
/// Periods of a score streak, those left out included.
pub const STREAK_PERIODS_MAX: i64 = 60;
/// Periods in a row that a score streak may leave out.
pub const STREAK_GRACE_MAX: i64 = 3;
/// How many periods back it is known which ones count for streaks: a completed one and the one at hand.
pub const STREAK_PERIODS_KEPT: i32 = 128;
/// Lots that a customer brings in a migration.
pub const MIGRATED_LOTS_MAX: usize = 1_000;
/// Rows of one call of a migration, as the product allows.
pub const MIGRATED_ROWS_MAX: usize = 1_000;
/// Effects of one rule.
pub const EFFECTS_MAX: usize = 50;
/// Steps of one journey.
pub const JOURNEY_STEPS_MAX: usize = 100;
/// Steps one journey instance may take at a single instant: a bound against loops.
pub const JOURNEY_STEPS_AT_ONCE_MAX: usize = 200;
/// Journeys one customer is in at a time.
pub const JOURNEY_INSTANCES_MAX: usize = 32;
/// Open lots held in the working state of one customer; later ones lie in rows of their own. About 30 bytes each.
pub const LOTS_HELD: usize = 64;
/// Events of one customer waiting to be fulfilled.
pub const PENDING_EVENTS_MAX: usize = 64;
/// Parts of one purchase that come back one by one.
pub const RETURNS_MAX: usize = 100;
/// How deep an event may cause events.
pub const CAUSED_DEPTH_MAX: usize = 4;
/// Campaigns explained in one answer; the rest is counted.
pub const EXPLAINED_CAMPAIGNS_MAX: usize = 50;
/// Days of a reservation.
pub const RESERVE_DAYS_MAX: i64 = 365;
/// How far back an event may be issued: 72 hours, as the product says.
pub const ISSUED_BACK_MAX: i64 = 72 * crate::value::HOUR;
/// Due happenings applied to one customer in one command; more follow in the next.
pub const DUE_STEPS_MAX: usize = 10_000;
/// Times a flip is looked for before the customer is simply looked at again.
pub const FLIP_SEARCH_MAX: usize = 16;
/// Past events that leave a window one by one before it is simply asked again.
pub const FLIP_STEPS_MAX: usize = 64;
/// Conditions of a filter on events.
pub const FILTER_NODES_MAX: usize = 50;
/// Other audiences that one asks for, counting those that they ask for.
pub const RULE_REFERENCES_MAX: usize = 100;
/// Cuts of a computed trait that is a score.
pub const TRAIT_CUTS_MAX: usize = 20;
/// Definitions of one kind in a program.
pub const DEFINITIONS_MAX: usize = 10_000;
/// Tier levels, as the product has.
pub const TIER_LEVELS_MAX: i64 = 10;
/// Days a lapsed lot lives on when its points are given back (design, "Points given back").
pub const GIVE_BACK_GRACE_DAYS: i64 = 7;
