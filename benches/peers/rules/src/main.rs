//! How long the rules of 100 campaigns take for one event: masivo-core beside other rule engines.
//!
//! `rules-peers [--rounds 5] [--events 256] [--seed 1] [--dump FILE [--node SCRIPT]]`
//!
//! Every engine first judges every event; unless all say the same of every rule, nothing is measured. See README.md.

mod cel;
mod expression;
mod load;
mod masivo;
mod node;
mod peer;
mod report;
mod zen;

use load::{Load, RULES};
use peer::{Inside, Peer, Verdicts};
use std::process::ExitCode;

/// The allocator masivo's programs run with; engines that allocate more gain more from it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Fewer events would say little about whether the verdicts agree.
const EVENTS_MIN: usize = 50;

struct Options {
    rounds: usize,
    events: usize,
    seed: u64,
    dump: Option<String>,
    node: Option<String>,
}

fn options() -> Result<Options, String> {
    let mut options = Options { rounds: 5, events: 256, seed: 1, dump: None, node: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<usize>().map_err(|error| format!("{name} {value}: {error}"));
        match name.as_str() {
            "--rounds" => options.rounds = number()?.max(1),
            "--events" => options.events = number()?,
            "--seed" => options.seed = number()? as u64,
            "--dump" => options.dump = Some(value),
            "--node" => options.node = Some(value),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    if options.events < EVENTS_MIN {
        return Err(format!("at least {EVENTS_MIN} events"));
    }
    if options.node.is_some() && options.dump.is_none() {
        return Err("--node reads what --dump writes: give both".into());
    }
    Ok(options)
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rules-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let load = Load::generate(options.seed, options.events);
    let mut peers: Vec<Box<dyn Peer + '_>> = vec![
        Box::new(Inside(masivo::Holds::new(&load))),
        Box::new(Inside(masivo::Explains::new(&load))),
        Box::new(Inside(zen::Zen::new(&load))),
        Box::new(Inside(cel::Cel::new(&load))),
    ];
    let wanted = peers[0].verdicts()?;
    if let Some(file) = &options.dump {
        node::dump(&load, &wanted, file)?;
        if let Some(script) = &options.node {
            peers.push(Box::new(node::Node::start(script, file)?));
        }
    }
    for peer in &mut peers {
        compare(peer.name(), &peer.verdicts()?, &wanted)?;
    }
    report::load(&load, &wanted, options.seed);

    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        let mut times = vec![0.0; peers.len()];
        // Another engine begins every round.
        for turn in 0..peers.len() {
            let number = (round + turn) % peers.len();
            times[number] = peers[number].round()?;
        }
        rounds.push(times);
    }
    let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
    report::times(&names, &rounds);
    Ok(())
}

fn compare(name: &str, verdicts: &Verdicts, wanted: &Verdicts) -> Result<(), String> {
    if verdicts.len() != wanted.len() {
        return Err(format!("{name} gives {} verdicts instead of {}", verdicts.len(), wanted.len()));
    }
    match verdicts.iter().zip(wanted).position(|(one, other)| one != other) {
        Some(at) => Err(format!("{name} differs from masivo at event {}, rule {}", at / RULES, at % RULES)),
        None => Ok(()),
    }
}
