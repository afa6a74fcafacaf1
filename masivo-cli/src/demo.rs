//! The demo: 18 months of a real shop, replayed under a virtual clock through the same engine that serves HTTP.
//!
//! The data are purchases of CDNow (day, customer, money). Everything they do not say is drawn by a keyed hash of
//! the customer or the order: names, consent, which orders wait, come back or redeem points. So two runs do the
//! same, and end in the same state hash.

mod data;
mod plan;
mod run;
pub(crate) mod serve;
mod summary;

use crate::definitions::{Entry, read_folder, read_texts};
use crate::error::Failure;
use crate::output::Output;
use masivo_store::{Engine, Mode, SqliteBackend, mode_of};
use plan::Plan;
use std::path::{Path, PathBuf};
use summary::Summary;

/// The program, embedded so that the demo runs anywhere; the files are there to be read.
const PROGRAM: [(&str, &str); 5] = [
    ("1-account.toml", include_str!("../../examples/programs/cdnow/1-account.toml")),
    ("2-points.toml", include_str!("../../examples/programs/cdnow/2-points.toml")),
    ("3-tiers.toml", include_str!("../../examples/programs/cdnow/3-tiers.toml")),
    ("4-audiences.toml", include_str!("../../examples/programs/cdnow/4-audiences.toml")),
    ("5-win-back.toml", include_str!("../../examples/programs/cdnow/5-win-back.toml")),
];
/// The purchases, embedded for the same reason.
const PURCHASES: &str = include_str!("../../examples/data/cdnow_sample.csv");

/// A demo that is ready to run.
#[derive(Debug)]
pub(crate) struct Demo {
    path: PathBuf,
    outbox: PathBuf,
    program: Vec<Entry>,
    plan: Plan,
}

/// A demo that ran; its store is still open.
#[derive(Debug)]
pub(crate) struct Finished {
    engine: Engine,
    outbox: PathBuf,
    /// What came of it.
    pub(crate) summary: Summary,
}

impl Demo {
    /// Reads the purchases and the program, and makes room for a fresh store.
    pub(crate) fn prepare(
        path: PathBuf,
        data: Option<&Path>,
        program: Option<&Path>,
    ) -> Result<Self, Failure> {
        let purchases = match data {
            Some(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
                data::read(&text)?
            }
            None => data::read(PURCHASES)?,
        };
        let program = match program {
            Some(folder) => read_folder(folder)?,
            None => read_texts(PROGRAM)?,
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
        let outbox = folder.join("outbox");
        clear(&path, &outbox)?;
        Ok(Self { path, outbox, program, plan: Plan::of(purchases)? })
    }
}

/// Takes an earlier demo away; anything else is left alone.
fn clear(path: &Path, outbox: &Path) -> Result<(), Failure> {
    if path.exists() {
        let is_test = mode_of(path)? == Some(Mode::Test);
        // Whoever holds the lock still uses it; opening says so. The demo's own secret tells its stores apart.
        if !is_test || SqliteBackend::open(path, Mode::Test, None)?.secret() != run::SECRET {
            let message = format!("`{}` is there and was not made by the demo", path.display());
            return Err(Failure::usage(
                message,
                "name another file with --db: the demo makes it anew each time",
            ));
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            remove(Path::new(&name))?;
        }
    }
    let Ok(mails) = std::fs::read_dir(outbox) else { return Ok(()) };
    for mail in mails.flatten().map(|mail| mail.path()) {
        if mail.extension().is_some_and(|extension| extension == "eml") {
            remove(&mail)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file(path, &error)),
        _ => Ok(()),
    }
}

/// Runs a demo from the first day to the last.
pub(crate) fn run(demo: Demo, output: Output) -> Result<Finished, Failure> {
    let Demo { path, outbox, program, plan } = demo;
    let ran = run::run(&path, &outbox, program, &plan, output)?;
    let summary = Summary::of(&ran.engine.handle(), &path, &outbox, ran.figures)?;
    Ok(Finished { engine: ran.engine, outbox, summary })
}
