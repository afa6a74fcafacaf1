//! What is printed.

use crate::load::{Load, RULES};
use crate::peer::Verdicts;

/// What the load was like.
pub fn load(load: &Load, verdicts: &Verdicts, seed: u64) {
    let events = load.cases.len();
    let bytes: usize = load.cases.iter().map(|case| case.event.to_text().len()).sum();
    let holding = verdicts.iter().filter(|holds| **holds).count();
    let ever =
        (0..RULES).filter(|rule| verdicts.iter().skip(*rule).step_by(RULES).any(|holds| *holds)).count();
    println!(
        "{RULES} rules of 7 conditions, {events} events of {} bytes on average, seed {seed}",
        bytes / events
    );
    println!(
        "all engines agree on all {} verdicts; {:.1} rules match an event, {ever} rules match some event",
        verdicts.len(),
        holding as f64 / events as f64
    );
}

/// Medians, and the ratios to the first engine within each round.
pub fn times(names: &[&str], rounds: &[Vec<f64>]) {
    println!("\n{:<20} {:>16} {:>10}   ratios of {} rounds", "engine", "ns/100 rules", "ratio", rounds.len());
    for (number, name) in names.iter().enumerate() {
        let mut times: Vec<f64> = rounds.iter().map(|times| times[number]).collect();
        let mut ratios: Vec<f64> = rounds.iter().map(|times| times[number] / times[0]).collect();
        let (time, ratio) = (median(&mut times), median(&mut ratios));
        let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
        println!("{name:<20} {time:>16.0} {ratio:>10.2}   {least:.2} to {most:.2}");
    }
    println!("\nratio: time of the engine / time of masivo holds, median of the rounds");
}

/// The median; the values are sorted then.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
