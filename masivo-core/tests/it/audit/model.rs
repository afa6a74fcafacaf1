//! The auditor's model: what every answer must be, said in the plainest way there is. No indices, no caches, no
//! frozen sums where a list can be added up: whatever is asked is counted again from everything that happened.
//!
//! It knows nothing of the code it predicts: amounts are whole numbers, instants are milliseconds.

/// A day in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

/// What lots are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Points,
    Stars,
    Stamps,
}

impl Unit {
    pub(super) const ALL: [Self; 3] = [Self::Points, Self::Stars, Self::Stamps];
}

/// The shop whose program is audited; the real one is written from the same numbers.
pub(super) const POINTS_LIVE: i64 = 30 * DAY;
pub(super) const BUDGET: i64 = 70;
pub(super) const OF_BUDGET: i64 = 7;
pub(super) const TIMES_A_MONTH: usize = 2;
pub(super) const CARD: i64 = 3;
pub(super) const CARD_FROM: i64 = 20;
pub(super) const OF_CARD: i64 = 10;
pub(super) const SILVER_FROM: i64 = 250;
pub(super) const OF_SILVER: i64 = 5;
pub(super) const OF_MONTH: i64 = 3;
const GRACE: i64 = 7 * DAY;

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Buy { who: usize, value: i64, redeem: i64, days: Option<i64> },
    Fulfill { event: usize },
    Reverse { event: usize },
    Return { event: usize, value: i64 },
    Consent { who: usize, loyalty: bool },
    Adjust { who: usize, amount: i64 },
    Wait { milliseconds: i64 },
}

/// What is said to a step: a status with a reason, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Event { status: &'static str, reason: Option<&'static str> },
    Refused(&'static str),
    Done,
}

/// What a customer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Available, held and owed of each unit.
    pub(super) sums: [(i64, i64, i64); 3],
    /// The date of the first points that expire.
    pub(super) soonest: Option<i64>,
    pub(super) spend: i64,
    pub(super) purchases: usize,
    pub(super) silver: bool,
    /// Times the limited campaign rewarded this month, taken or held.
    pub(super) times: usize,
    pub(super) cards: i64,
}

#[derive(Clone, Debug)]
struct Lot {
    unit: Unit,
    amount: i64,
    expires: Option<i64>,
    /// Neither spent, held nor lapsed: available, or applied to what is owed.
    free: i64,
    applied: i64,
    held: i64,
    spent: i64,
    lapsed: i64,
    reversed: bool,
}

#[derive(Clone, Debug, Default)]
struct Customer {
    lots: Vec<Lot>,
    refuses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Pending,
    Resolved,
    Failed,
    Cancelled,
    Expired,
    Reversed,
}

/// What a campaign gives for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Award {
    campaign: Campaign,
    unit: Unit,
    amount: i64,
    lives: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Campaign {
    Spend,
    Budget,
    Month,
    Card,
    Silver,
}

#[derive(Clone, Debug)]
struct Event {
    who: usize,
    value: i64,
    status: Status,
    redeem: i64,
    /// Stamps that the cards it fills take from those at hand.
    stamps_spent: i64,
    stamps: i64,
    cards: i64,
    awards: Vec<Award>,
    /// Not processed: the customer did not allow it.
    refused: bool,
    waits_until: Option<i64>,
    /// Whether it was processed with its awards, and the month its turn was taken in.
    counted: bool,
    month: Option<i64>,
    of_budget: i64,
    holds: Vec<(usize, i64)>,
    spent: Vec<(usize, i64)>,
    /// Lots it gave, with what they were given as, by the campaign.
    gave: Vec<(usize, i64, Campaign)>,
    returned: i64,
}

/// The whole account.
#[derive(Clone, Debug)]
pub(super) struct Model {
    now: i64,
    /// The month of an instant, counted from any start.
    month_of: fn(i64) -> i64,
    customers: Vec<Customer>,
    events: Vec<Event>,
}

impl Model {
    pub(super) fn new(now: i64, customers: usize, month_of: fn(i64) -> i64) -> Self {
        Self { now, month_of, customers: vec![Customer::default(); customers], events: Vec::new() }
    }

    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    pub(super) fn take(&mut self, step: Step) -> Said {
        match step {
            Step::Buy { who, value, redeem, days } => self.buy(who, value, redeem, days),
            Step::Fulfill { event } => self.fulfill(event),
            Step::Reverse { event } => self.reverse(event),
            Step::Return { event, value } => self.return_part(event, value),
            Step::Consent { who, loyalty } => {
                self.customers[who].refuses = !loyalty;
                Said::Done
            }
            Step::Adjust { who, amount } => self.customers[who].adjust(amount),
            Step::Wait { milliseconds } => {
                self.wait(self.now + milliseconds);
                Said::Done
            }
        }
    }

    fn wait(&mut self, until: i64) {
        loop {
            let standbys = self.events.iter().filter_map(|event| event.waits_until);
            let lots = self.customers.iter().flat_map(|customer| &customer.lots);
            let lots = lots.filter(|lot| lot.available() > 0).filter_map(|lot| lot.expires);
            let Some(at) = standbys.chain(lots).filter(|at| *at <= until).min() else { break };
            self.now = at;
            for index in 0..self.events.len() {
                if self.events[index].waits_until == Some(at) {
                    self.let_go(index, Status::Expired);
                }
            }
            self.customers.iter_mut().for_each(|customer| customer.lapse(at));
        }
        self.now = until;
    }

    fn let_go(&mut self, index: usize, status: Status) {
        let event = &mut self.events[index];
        event.status = status;
        event.waits_until = None;
        let holds = std::mem::take(&mut event.holds);
        self.customers[event.who].release(&holds, self.now);
    }

    /// What is taken or held of the budget.
    pub(super) fn of_budget(&self) -> (i64, i64) {
        let of = |pending: bool| {
            let events = self.events.iter().filter(|event| pending == (event.status == Status::Pending));
            let events = events.filter(|event| pending || event.counted && event.status == Status::Resolved);
            events.map(|event| event.of_budget).sum()
        };
        (of(false), of(true))
    }

    fn times_in(&self, who: usize, month: i64) -> usize {
        let taken = self.events.iter().filter(|event| event.who == who && event.month == Some(month));
        taken
            .filter(|event| match event.status {
                Status::Pending => true,
                Status::Resolved => event.counted,
                _ => false,
            })
            .count()
    }

    fn spend(&self, who: usize) -> i64 {
        self.processed(who).map(|event| event.value - event.returned).sum()
    }

    fn processed(&self, who: usize) -> impl Iterator<Item = &Event> {
        let events = self.events.iter().filter(move |event| event.who == who && event.counted);
        events.filter(|event| event.status == Status::Resolved)
    }

    /// Judges a purchase: what it gives, in the order of the campaigns.
    fn judge(&self, who: usize, value: i64) -> Event {
        let mut event = Event {
            who,
            value,
            status: Status::Resolved,
            redeem: 0,
            stamps_spent: 0,
            stamps: 0,
            cards: 0,
            awards: Vec::new(),
            refused: self.customers[who].refuses,
            waits_until: None,
            counted: false,
            month: None,
            of_budget: 0,
            holds: Vec::new(),
            spent: Vec::new(),
            gave: Vec::new(),
            returned: 0,
        };
        if event.refused {
            return event;
        }
        let mut give = |campaign, unit, amount, lives| {
            event.awards.push(Award { campaign, unit, amount, lives });
        };
        if value > 0 {
            give(Campaign::Spend, Unit::Points, value, Some(POINTS_LIVE));
        }
        let (used, held) = self.of_budget();
        if used + held + OF_BUDGET <= BUDGET {
            give(Campaign::Budget, Unit::Points, OF_BUDGET, None);
        }
        let month = (self.month_of)(self.now);
        if self.times_in(who, month) < TIMES_A_MONTH {
            give(Campaign::Month, Unit::Stars, OF_MONTH, None);
        }
        if value >= CARD_FROM {
            let customer = &self.customers[who];
            let at_hand = customer.available(Unit::Stamps);
            event.stamps = 1;
            event.cards = (at_hand + 1 - customer.owed(Unit::Stamps)).max(0) / CARD;
            event.stamps_spent = (event.cards * CARD).min(at_hand);
            let left = 1 - (event.cards * CARD - event.stamps_spent);
            if event.cards > 0 {
                give(Campaign::Card, Unit::Stars, event.cards * OF_CARD, None);
            }
            if left > 0 {
                give(Campaign::Card, Unit::Stamps, left, None);
            }
        }
        if self.spend(who) >= SILVER_FROM {
            give(Campaign::Silver, Unit::Stars, OF_SILVER, None);
        }
        event.of_budget = event.of(Campaign::Budget);
        event.month = event.awards.iter().any(|award| award.campaign == Campaign::Month).then_some(month);
        event
    }

    fn buy(&mut self, who: usize, value: i64, redeem: i64, days: Option<i64>) -> Said {
        let mut event = self.judge(who, value);
        event.redeem = redeem;
        let customer = &mut self.customers[who];
        let enough = customer.available(Unit::Points) >= redeem;
        let reason = match (enough, event.refused) {
            (false, _) => Some("insufficient_balance"),
            (true, true) => Some("consent_behavioral_campaigns"),
            (true, false) => None,
        };
        if !enough {
            event.status = Status::Failed;
            self.events.push(event);
            return Said::Event { status: "FAILED", reason };
        }
        let stamps = event.stamps_spent;
        if let Some(days) = days {
            event.holds = customer.hold(Unit::Points, redeem);
            event.holds.extend(customer.hold(Unit::Stamps, stamps));
            event.status = Status::Pending;
            event.waits_until = Some(self.now + days * DAY);
            self.events.push(event);
            return Said::Event { status: "PENDING", reason };
        }
        event.spent = customer.spend(Unit::Points, redeem);
        event.spent.extend(customer.spend(Unit::Stamps, stamps));
        self.events.push(event);
        self.process(self.events.len() - 1);
        Said::Event { status: "RESOLVED", reason }
    }

    /// Gives what an event gives.
    fn process(&mut self, index: usize) {
        let event = &mut self.events[index];
        event.status = Status::Resolved;
        event.counted = !event.refused;
        let customer = &mut self.customers[event.who];
        for award in &event.awards {
            let expires = award.lives.map(|lives| self.now + lives);
            let lot = customer.give(award.unit, award.amount, expires);
            event.gave.push((lot, award.amount, award.campaign));
        }
    }

    fn fulfill(&mut self, index: usize) -> Said {
        let now = self.now;
        let Some(event) = self.events.get(index) else { return Said::Refused("event_not_found") };
        let said = |event: &Event| Said::Event {
            status: "RESOLVED",
            reason: event.refused.then_some("consent_behavioral_campaigns"),
        };
        match event.status {
            Status::Resolved => return said(event),
            Status::Failed | Status::Cancelled | Status::Reversed => return Said::Refused("event_closed"),
            Status::Pending | Status::Expired => {}
        }
        let (who, expired) = (event.who, event.status == Status::Expired);
        let mut event = event.clone();
        if self.customers[who].refuses {
            event.refused = true;
        }
        if event.refused {
            event.awards.clear();
            (event.stamps_spent, event.of_budget, event.month) = (0, 0, None);
        }
        if expired {
            if let Some(refused) = self.take_anew(&mut event) {
                return Said::Event { status: "EXPIRED", reason: Some(refused) };
            }
            let customer = &mut self.customers[who];
            event.spent = customer.spend(Unit::Points, event.redeem);
            event.spent.extend(customer.spend(Unit::Stamps, event.stamps_spent));
        } else {
            let holds = std::mem::take(&mut event.holds);
            let customer = &mut self.customers[who];
            let (stamps, points): (Vec<_>, Vec<_>) =
                holds.into_iter().partition(|(lot, _)| customer.lots[*lot].unit == Unit::Stamps);
            if event.refused {
                customer.release(&stamps, now);
                event.spent = customer.spend_held(&points);
            } else {
                event.spent = customer.spend_held(&points);
                event.spent.extend(customer.spend_held(&stamps));
            }
        }
        event.waits_until = None;
        self.events[index] = event;
        self.process(index);
        said(&self.events[index])
    }

    /// What an expired event needs, looked for again; the reason when it cannot be had.
    fn take_anew(&self, event: &mut Event) -> Option<&'static str> {
        let customer = &self.customers[event.who];
        if customer.available(Unit::Stamps) < event.stamps_spent {
            // The stamps are gone: its own one is given, nothing is exchanged.
            event.awards.retain(|award| award.campaign != Campaign::Card);
            let (campaign, unit) = (Campaign::Card, Unit::Stamps);
            event.awards.push(Award { campaign, unit, amount: event.stamps, lives: None });
            (event.stamps_spent, event.cards) = (0, 0);
        }
        if customer.available(Unit::Points) < event.redeem {
            return Some("insufficient_balance");
        }
        let (used, held) = self.of_budget();
        if event.of_budget > 0 && used + held + event.of_budget > BUDGET {
            return Some("budget_used_up");
        }
        if event.month.is_some() {
            let month = (self.month_of)(self.now);
            if self.times_in(event.who, month) >= TIMES_A_MONTH {
                return Some("customer_limit_reached");
            }
            event.month = Some(month);
        }
        None
    }

    fn reverse(&mut self, index: usize) -> Said {
        let Some(event) = self.events.get(index) else { return Said::Refused("event_not_found") };
        match event.status {
            Status::Failed => Said::Event { status: "FAILED", reason: Some("insufficient_balance") },
            Status::Cancelled => self.said_as_before(index, "CANCELLED"),
            Status::Reversed => self.said_as_before(index, "REVERSED"),
            Status::Pending | Status::Expired => {
                self.let_go(index, Status::Cancelled);
                self.said_as_before(index, "CANCELLED")
            }
            Status::Resolved => {
                let (value, returned) = (event.value, event.returned);
                self.undo(index, returned, value);
                self.events[index].status = Status::Reversed;
                self.said_as_before(index, "REVERSED")
            }
        }
    }

    fn said_as_before(&self, index: usize, status: &'static str) -> Said {
        let refused = self.events[index].refused;
        Said::Event { status, reason: refused.then_some("consent_behavioral_campaigns") }
    }

    fn return_part(&mut self, index: usize, value: i64) -> Said {
        let Some(event) = self.events.get(index) else { return Said::Refused("event_not_found") };
        if event.status != Status::Resolved {
            return Said::Refused("event_closed");
        }
        if event.refused || event.value == 0 {
            return Said::Refused("not_returnable");
        }
        let (before, whole) = (event.returned, event.value);
        if before + value > whole {
            return Said::Refused("return_exceeds");
        }
        self.undo(index, before, before + value);
        if before + value == whole {
            self.events[index].status = Status::Reversed;
            return self.said_as_before(index, "REVERSED");
        }
        let event = &mut self.events[index];
        event.returned += value;
        // The budget follows the points: what is kept of the seven.
        let given = event.of(Campaign::Budget);
        event.of_budget -= part(given, before + value, whole) - part(given, before, whole);
        self.said_as_before(index, "RESOLVED")
    }

    /// Undoes what an event did, from so much returned to so much.
    fn undo(&mut self, index: usize, before: i64, after: i64) {
        let now = self.now;
        let event = &mut self.events[index];
        let customer = &mut self.customers[event.who];
        let (whole, all) = (event.value, after == event.value);
        let until = |amount: i64, returned: i64| match returned {
            0 if all && returned == after => amount,
            _ if returned == whole => amount,
            _ => part(amount, returned, whole),
        };
        for (lot, amount) in event.spent.clone() {
            if customer.lots[lot].unit != Unit::Stamps {
                let from = if before == 0 { 0 } else { until(amount, before) };
                customer.give_back(lot, until(amount, after) - from, now);
            }
        }
        for (lot, amount, campaign) in &mut event.gave {
            if *campaign != Campaign::Card || all {
                *lot = customer.reverse(*lot, *amount - until(*amount, after));
            }
        }
        if all {
            for (lot, amount) in event.spent.clone() {
                if customer.lots[lot].unit == Unit::Stamps {
                    customer.give_back(lot, amount, now);
                }
            }
        }
    }

    pub(super) fn show(&self, who: usize) -> Shown {
        let customer = &self.customers[who];
        let dates = customer.lots.iter().filter(|lot| lot.unit == Unit::Points && lot.available() > 0);
        Shown {
            sums: Unit::ALL.map(|unit| {
                let held = customer.lots.iter().filter(|lot| lot.unit == unit).map(|lot| lot.held).sum();
                (customer.available(unit), held, customer.owed(unit))
            }),
            soonest: dates.filter_map(|lot| lot.expires).min(),
            spend: self.spend(who),
            purchases: self.processed(who).count(),
            silver: self.spend(who) >= SILVER_FROM,
            times: self.times_in(who, (self.month_of)(self.now)),
            cards: self.processed(who).map(|event| event.cards).sum(),
        }
    }
}

/// `round(amount × returned ÷ whole)`, half up.
fn part(amount: i64, returned: i64, whole: i64) -> i64 {
    (2 * amount * returned + whole).div_euclid(2 * whole)
}

impl Event {
    fn of(&self, campaign: Campaign) -> i64 {
        let awards = self.awards.iter().filter(|award| award.campaign == campaign);
        awards.map(|award| award.amount).sum()
    }
}

impl Lot {
    const fn available(&self) -> i64 {
        self.free - self.applied
    }

    /// What is still owed for it once it was reversed.
    const fn owed(&self) -> i64 {
        if self.reversed { self.spent + self.held } else { 0 }
    }
}

impl Customer {
    fn available(&self, unit: Unit) -> i64 {
        self.lots.iter().filter(|lot| lot.unit == unit).map(Lot::available).sum()
    }

    /// What reversed lots owe and no other lot covers.
    fn owed(&self, unit: Unit) -> i64 {
        let lots = || self.lots.iter().filter(|lot| lot.unit == unit);
        lots().map(Lot::owed).sum::<i64>() - lots().map(|lot| lot.applied).sum::<i64>()
    }

    /// The lots of a unit in the order they are spent.
    fn in_order(&self, unit: Unit) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.lots.len()).filter(|lot| self.lots[*lot].unit == unit).collect();
        order.sort_by_key(|lot| (self.lots[*lot].expires.unwrap_or(i64::MAX), *lot));
        order
    }

    /// Takes available points, soonest expiry first: which lots, and how much of each.
    fn pick(&self, unit: Unit, amount: i64) -> Vec<(usize, i64)> {
        let mut rest = amount;
        let mut picked = Vec::new();
        for lot in self.in_order(unit) {
            let part = self.lots[lot].available().min(rest);
            if part > 0 {
                picked.push((lot, part));
                rest -= part;
            }
        }
        assert_eq!(rest, 0, "the model takes what there is");
        picked
    }

    fn hold(&mut self, unit: Unit, amount: i64) -> Vec<(usize, i64)> {
        let picked = self.pick(unit, amount);
        for (lot, part) in &picked {
            self.lots[*lot].free -= part;
            self.lots[*lot].held += part;
        }
        picked
    }

    fn spend(&mut self, unit: Unit, amount: i64) -> Vec<(usize, i64)> {
        let holds = self.hold(unit, amount);
        self.spend_held(&holds)
    }

    fn spend_held(&mut self, holds: &[(usize, i64)]) -> Vec<(usize, i64)> {
        for (lot, part) in holds {
            self.lots[*lot].held -= part;
            self.lots[*lot].spent += part;
        }
        holds.to_vec()
    }

    /// Gives a lot; what is owed is paid from it first.
    fn give(&mut self, unit: Unit, amount: i64, expires: Option<i64>) -> usize {
        let applied = self.owed(unit).min(amount);
        let (held, spent, lapsed) = (0, 0, 0);
        self.lots.push(Lot {
            unit,
            amount,
            expires,
            free: amount,
            applied,
            held,
            spent,
            lapsed,
            reversed: false,
        });
        self.lots.len() - 1
    }

    fn adjust(&mut self, amount: i64) -> Said {
        if amount > 0 {
            self.give(Unit::Points, amount, None);
            return Said::Done;
        }
        if self.available(Unit::Points) < -amount {
            return Said::Refused("insufficient_balance");
        }
        for (lot, part) in self.pick(Unit::Points, -amount) {
            self.lots[lot].free -= part;
            self.lots[lot].lapsed += part;
        }
        Said::Done
    }

    fn lapse(&mut self, at: i64) {
        for lot in self.lots.iter_mut().filter(|lot| lot.expires.is_some_and(|expires| expires <= at)) {
            let available = lot.available();
            lot.free -= available;
            lot.lapsed += available;
        }
    }

    fn release(&mut self, holds: &[(usize, i64)], now: i64) {
        for (index, part) in holds {
            let lot = &mut self.lots[*index];
            lot.held -= part;
            if !lot.reversed {
                lot.free += part;
                if lot.expires.is_some_and(|expires| expires <= now) {
                    lot.free -= part;
                    lot.lapsed += part;
                }
            }
            let (unit, lapses) = (lot.unit, lot.reversed);
            self.cover(unit, now, lapses);
        }
    }

    fn give_back(&mut self, index: usize, part: i64, now: i64) {
        if part == 0 {
            return;
        }
        let lot = &mut self.lots[index];
        lot.spent -= part;
        if !lot.reversed {
            lot.free += part;
            if lot.expires.is_some_and(|expires| expires <= now) {
                lot.expires = Some(now + GRACE);
            }
        }
        let unit = lot.unit;
        self.cover(unit, now, false);
    }

    /// Takes a lot back but for `keep`, which lives on in a new one; gives the lot that has it.
    fn reverse(&mut self, index: usize, keep: i64) -> usize {
        let lot = &mut self.lots[index];
        if lot.reversed || (keep > 0 && keep >= lot.amount - lot.lapsed) {
            return index;
        }
        lot.reversed = true;
        (lot.free, lot.applied) = (0, 0);
        let (unit, expires) = (lot.unit, lot.expires);
        let mut rest = index;
        if keep > 0 {
            let (held, spent, lapsed, applied) = (0, 0, 0, 0);
            self.lots.push(Lot {
                unit,
                amount: keep,
                expires,
                free: keep,
                applied,
                held,
                spent,
                lapsed,
                reversed: false,
            });
            rest = self.lots.len() - 1;
        }
        self.cover(unit, i64::MIN, false);
        rest
    }

    /// What reversed lots owe is covered by the lots that expire soonest. What covered before and does no more, of a lot
    /// past its date, lapses or lives on for some days.
    fn cover(&mut self, unit: Unit, now: i64, lapses: bool) {
        let before: Vec<i64> = self.lots.iter().map(|lot| lot.applied).collect();
        loop {
            let mut owed: i64 = self.lots.iter().filter(|lot| lot.unit == unit).map(Lot::owed).sum();
            for index in self.in_order(unit) {
                let lot = &mut self.lots[index];
                lot.applied = lot.free.min(owed);
                owed -= lot.applied;
            }
            let uncovered = self.lots.iter_mut().zip(&before).find(|(lot, before)| {
                let past = lot.expires.is_some_and(|expires| expires <= now);
                lot.applied < **before && lot.available() > 0 && past
            });
            let Some((lot, _)) = uncovered else { break };
            if lapses {
                let available = lot.available();
                lot.free -= available;
                lot.lapsed += available;
            } else {
                lot.expires = Some(now + GRACE);
            }
        }
    }
}
