use super::*;
use proptest::prelude::*;

fn at(day: i64) -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").unwrap().plus(day * DAY)
}

const REWARD: u32 = 1;

fn points(number: i32) -> Decimal {
    Decimal::whole(number)
}

fn on(wallet: &mut Wallet, day: i64, act: impl FnOnce(&mut Posting<'_>)) -> Vec<Entry> {
    let mut posting = Posting::new(wallet, at(day));
    act(&mut posting);
    let entries: Vec<Entry> = posting.finish().map(|(entry, _)| entry).collect();
    wallet.check().unwrap();
    entries
}

fn issue(wallet: &mut Wallet, day: i64, amount: i32, expires: i64) -> u32 {
    let origin = LotOrigin { reward: REWARD, campaign: 1, rule: 0, fact: 1 };
    let mut number = 0;
    on(wallet, day, |posting| number = posting.issue(origin, points(amount), Some(at(expires))));
    number
}

/// `available held debt` of the wallet, then `number:available+held+applied` of each open lot.
fn show(wallet: &Wallet) -> String {
    let account = wallet.account(REWARD);
    let lots: Vec<String> = wallet
        .lots
        .iter()
        .map(|lot| format!("{}:{}+{}+{}", lot.number, lot.available, lot.held, lot.applied))
        .collect();
    format!("{} {} {} | {}", wallet.available(REWARD), wallet.held(REWARD), account.debt, lots.join(" "))
}

fn redeemed(entries: &[Entry]) -> Vec<(u32, Decimal)> {
    entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Redeemed)
        .map(|entry| (entry.lot, entry.amount))
        .collect()
}

const DEBT: OnReversal = OnReversal::Debt { max: None };
const GRACE: GiveBack = GiveBack::Grace { days: 7 };

#[test]
fn the_soonest_expiry_is_spent_first_and_then_the_oldest() {
    let mut wallet = Wallet::default();
    issue(&mut wallet, 0, 10, 300);
    issue(&mut wallet, 1, 10, 100);
    issue(&mut wallet, 2, 10, 100);
    on(&mut wallet, 3, |posting| posting.redeem(REWARD, points(15)).unwrap());
    assert_eq!(show(&wallet), "15 0 0 | 3:5+0+0 1:10+0+0");
}

#[test]
fn what_is_not_there_cannot_be_spent() {
    let mut wallet = Wallet::default();
    issue(&mut wallet, 0, 10, 100);
    let before = wallet.clone();
    let mut posting = Posting::new(&mut wallet, at(1));
    let refused = posting.redeem(REWARD, points(11)).unwrap_err();
    assert_eq!((refused.wanted, refused.available), (points(11), points(10)));
    assert_eq!(posting.finish().count(), 0);
    assert_eq!(wallet, before);
}

#[test]
fn a_hold_pins_its_lot_past_the_date() {
    let mut wallet = Wallet::default();
    issue(&mut wallet, 0, 10, 100);
    let mut holds = Vec::new();
    on(&mut wallet, 99, |posting| holds = posting.hold(REWARD, points(4)).unwrap());
    on(&mut wallet, 100, |posting| assert_eq!(posting.expire_due().len(), 1));
    assert_eq!(show(&wallet), "0 4 0 | 1:0+4+0");
    let mut cancelled = wallet.clone();
    on(&mut cancelled, 101, |posting| posting.release(&holds));
    assert_eq!(show(&cancelled), "0 0 0 | ");
    assert_eq!(cancelled.account(REWARD).expired, points(10));
    on(&mut wallet, 101, |posting| posting.redeem_holds(&holds));
    assert_eq!(wallet.account(REWARD).spent, points(4));
}

#[test]
fn reversed_points_that_were_spent_become_debt_and_earnings_pay_it_first() {
    let mut wallet = Wallet::default();
    let lot = issue(&mut wallet, 0, 10, 100);
    on(&mut wallet, 1, |posting| posting.redeem(REWARD, points(8)).unwrap());
    on(&mut wallet, 2, |posting| assert_eq!(posting.reverse(lot, DEBT), Decimal::ZERO, "nothing is kept"));
    assert_eq!(show(&wallet), "0 0 8 | ");
    issue(&mut wallet, 3, 5, 100);
    assert_eq!(show(&wallet), "0 0 3 | 2:0+0+5");
    issue(&mut wallet, 3, 5, 100);
    assert_eq!(show(&wallet), "2 0 0 | 2:0+0+5 3:2+0+3");
    // The event whose points repaid debt is reversed: the debt is there again.
    on(&mut wallet, 4, |posting| {
        posting.reverse(2, DEBT);
    });
    assert_eq!(show(&wallet), "0 0 3 | 3:0+0+5");
}

#[test]
fn policies_bound_what_becomes_debt() {
    for (policy, debt, forgiven) in
        [(DEBT, 8, 0), (OnReversal::Debt { max: Some(points(5)) }, 5, 3), (OnReversal::UpToBalance, 0, 8)]
    {
        let mut wallet = Wallet::default();
        let lot = issue(&mut wallet, 0, 10, 100);
        on(&mut wallet, 1, |posting| posting.redeem(REWARD, points(8)).unwrap());
        on(&mut wallet, 2, |posting| {
            posting.reverse(lot, policy);
        });
        let account = wallet.account(REWARD);
        assert_eq!((account.debt, account.forgiven), (points(debt), points(forgiven)), "{policy:?}");
    }
}

#[test]
fn points_given_back_to_a_lapsed_lot_follow_the_policy() {
    for (policy, expected) in
        [(GiveBack::Forfeit, "0 0 0 | "), (GRACE, "4 0 0 | 1:4+0+0"), (GiveBack::Reissue, "4 0 0 | 1:4+0+0")]
    {
        let mut wallet = Wallet::default();
        let lot = issue(&mut wallet, 0, 4, 100);
        on(&mut wallet, 1, |posting| posting.redeem(REWARD, points(4)).unwrap());
        on(&mut wallet, 150, |posting| posting.give_back(REWARD, lot, points(4), policy));
        assert_eq!(show(&wallet), expected, "{policy:?}");
        let days =
            wallet.lots.first().and_then(|lot| lot.expires_at).map(|expires| expires.since(at(150)) / DAY);
        let expected_days = match policy {
            GiveBack::Forfeit => None,
            GiveBack::Grace { days } => Some(days),
            GiveBack::Reissue => Some(100),
        };
        assert_eq!(days, expected_days, "{policy:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Earn { amount: i32, expires: i64 },
    Spend { amount: i32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..20_i32, 100..110_i64).prop_map(|(amount, expires)| Step::Earn { amount, expires }),
        (1..20_i32).prop_map(|amount| Step::Spend { amount }),
    ];
    prop::collection::vec(step, 1..8)
}

enum Done {
    Lot(u32),
    Spent(Vec<(u32, Decimal)>),
}

fn run(steps: &[Step]) -> (Wallet, Vec<Done>) {
    let mut wallet = Wallet::default();
    let mut done = Vec::new();
    for step in steps {
        match step {
            Step::Earn { amount, expires } => done.push(Done::Lot(issue(&mut wallet, 0, *amount, *expires))),
            Step::Spend { amount } => {
                let mut enough = false;
                let entries =
                    on(&mut wallet, 0, |posting| enough = posting.redeem(REWARD, points(*amount)).is_ok());
                if enough {
                    done.push(Done::Spent(redeemed(&entries)));
                }
            }
        }
    }
    (wallet, done)
}

fn undo(wallet: &mut Wallet, done: &Done) {
    on(wallet, 1, |posting| match done {
        Done::Lot(lot) => {
            posting.reverse(*lot, DEBT);
        }
        Done::Spent(parts) => {
            parts.iter().for_each(|(lot, amount)| posting.give_back(REWARD, *lot, *amount, GRACE));
        }
    });
}

proptest! {
    #[test]
    fn reversing_in_any_order_gives_the_same_wallet(
        steps in steps(),
        keys in prop::collection::vec(any::<u32>(), 8),
        chosen in any::<u8>(),
    ) {
        let (start, done) = run(&steps);
        let mut reversed: Vec<usize> =
            (0..done.len()).filter(|index| chosen & (1 << (index % 8)) != 0).collect();
        let mut forward = start.clone();
        reversed.iter().for_each(|index| undo(&mut forward, &done[*index]));
        reversed.sort_by_key(|index| keys[*index % keys.len()]);
        let mut shuffled = start.clone();
        reversed.iter().for_each(|index| undo(&mut shuffled, &done[*index]));
        forward.closed.sort_by_key(|lot| lot.number);
        shuffled.closed.sort_by_key(|lot| lot.number);
        prop_assert_eq!(forward, shuffled);
    }

    #[test]
    fn reversing_everything_leaves_nothing(steps in steps()) {
        let (mut wallet, done) = run(&steps);
        done.iter().rev().for_each(|done| undo(&mut wallet, done));
        let account = wallet.account(REWARD);
        prop_assert_eq!(wallet.available(REWARD), Decimal::ZERO);
        prop_assert_eq!((account.debt, account.spent), (Decimal::ZERO, Decimal::ZERO));
        prop_assert_eq!(account.issued, account.reversed);
    }
}
