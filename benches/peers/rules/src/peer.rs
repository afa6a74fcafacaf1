//! What every engine must be able to do, and how its time is taken.

use crate::load::{Load, RULES};
use cpu_time::ThreadTime;
use std::time::Duration;

/// What a round takes at least: whole passes over all events are repeated until then.
const ROUND: Duration = Duration::from_millis(300);

/// For every event the verdict of every rule, one after the other.
pub type Verdicts = Vec<bool>;

/// An engine in the race.
pub trait Peer {
    fn name(&self) -> &'static str;

    fn verdicts(&mut self) -> Result<Verdicts, String>;

    /// One round: nanoseconds of processor time for all rules over one event, on average over the events.
    fn round(&mut self) -> Result<f64, String>;
}

/// An engine of this process, with all rules compiled and all events in its own form.
pub trait Evaluate {
    const NAME: &'static str;

    fn cases(&self) -> usize;

    fn holds(&mut self, case: usize, rule: usize) -> bool;
}

/// An engine of this process, taking part.
pub struct Inside<E>(pub E);

impl<E: Evaluate> Inside<E> {
    /// One pass: how many rules hold, so that nothing is optimised away.
    fn pass(&mut self) -> usize {
        let mut holding = 0;
        for case in 0..self.0.cases() {
            for rule in 0..RULES {
                holding += usize::from(self.0.holds(case, rule));
            }
        }
        holding
    }
}

impl<E: Evaluate> Peer for Inside<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn verdicts(&mut self) -> Result<Verdicts, String> {
        let cases = self.0.cases();
        Ok((0..cases * RULES).map(|number| self.0.holds(number / RULES, number % RULES)).collect())
    }

    fn round(&mut self) -> Result<f64, String> {
        let holding = self.pass();
        let (start, mut passes) = (ThreadTime::now(), 0_u32);
        while start.elapsed() < ROUND {
            if self.pass() != holding {
                return Err(format!("{}: the verdicts changed between passes", E::NAME));
            }
            passes += 1;
        }
        Ok(start.elapsed().as_nanos() as f64 / f64::from(passes) / self.0.cases() as f64)
    }
}

/// The documents the others look at, as plain JSON.
pub fn worlds(load: &Load) -> Vec<serde_json::Value> {
    let parse = |case| serde_json::from_str(&load.world(case).to_text()).expect("it is JSON");
    (0..load.cases.len()).map(parse).collect()
}
