//! `masivo codes`: the codes of a coupon campaign or gift card.

use crate::arguments::{Codes, Shared};
use crate::door::Door;
use crate::error::Failure;
use crate::output::Output;
use masivo_core::limits::COUPON_CODES_AT_ONCE_MAX;
use masivo_core::value::{Json, object};
use masivo_store::CodePool;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How long to wait before looking again how far a generation has come.
const LOOKED_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Codes asked for at a time.
const PAGE: usize = 1_000;

/// Exports or adds codes.
pub(super) fn run(shared: &Shared, what: &Codes, output: Output) -> Result<(), Failure> {
    let mut door = Door::open(shared)?;
    match what {
        Codes::Export { of, to } => export(&mut door, of, to, output),
        Codes::Add { of, file } => add(&mut door, of, file, output),
    }
}

/// Writes all codes to a CSV file.
fn export(door: &mut Door, name: &str, to: &Path, output: Output) -> Result<(), Failure> {
    let (pool, total) = generated(door, name, output)?;
    let failed = |error: std::io::Error| Failure::file(to, &error);
    let mut file = std::io::BufWriter::new(std::fs::File::create(to).map_err(failed)?);
    writeln!(file, "code,uses_count,max_uses").map_err(failed)?;
    let bar = output.progress(total, "codes");
    let (mut after, mut count) = (None, 0_u64);
    loop {
        let (codes, next) = door.codes(&pool, after.as_deref(), PAGE)?;
        for code in &codes {
            let part = |name: &str| code.get(name).map(ToString::to_string).unwrap_or_default();
            let text = code.text("code").unwrap_or_default();
            writeln!(file, "{text},{},{}", part("uses_count"), part("max_uses")).map_err(failed)?;
            count += 1;
        }
        bar.set_position(count);
        after = next;
        if after.is_none() {
            break;
        }
    }
    file.flush().map_err(failed)?;
    bar.finish_and_clear();
    let document = object().with("count", count).with("file", to.display().to_string()).build();
    output.answer(&document, || format!("{count} codes are in {}", to.display()))
}

/// Waits until all codes are generated, which the store does in the background while it is open; gives whose they are and
/// how many there are.
fn generated(door: &mut Door, name: &str, output: Output) -> Result<(CodePool, u64), Failure> {
    let bar = output.progress(0, "generated");
    loop {
        let (pool, summary) = door.code_pool(name)?;
        let number =
            |name: &str| summary.integer(name).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        let (wanted, made) = (number("wanted"), number("generated"));
        if made >= wanted {
            bar.finish_and_clear();
            return Ok((pool, made + number("supplied")));
        }
        bar.set_length(wanted);
        bar.set_position(made);
        std::thread::sleep(LOOKED_AGAIN_AFTER);
    }
}

/// Adds the codes of a file, one a line.
fn add(door: &mut Door, name: &str, file: &Path, output: Output) -> Result<(), Failure> {
    let (pool, _) = door.code_pool(name)?;
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    let codes: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let bar = output.progress(u64::try_from(codes.len()).unwrap_or(0), "codes");
    let mut count = 0;
    // Codes that a pool has already stay as they are, so a cut short run is simply run again.
    for part in codes.chunks(COUPON_CODES_AT_ONCE_MAX) {
        let added = door.add_codes(&pool, &part.iter().map(|code| Json::from(*code)).collect::<Vec<_>>())?;
        count += added.integer("count").unwrap_or(0);
        bar.inc(u64::try_from(part.len()).unwrap_or(0));
    }
    bar.finish_and_clear();
    let document = object().with("count", count).build();
    output.answer(&document, || format!("these {count} codes are there now"))
}
