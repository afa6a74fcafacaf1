//! The engine inside a program: `cargo run --example embed`.
#![expect(clippy::print_stdout, reason = "an example shows something")]

use masivo_core::{Command, customers::read_registration, value::Json};
use masivo_store::{Config, Engine};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("masivo-embed-{}.db", std::process::id()));
    let engine = Engine::open(Config::file(&file))?;
    let request = Json::parse(br#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#)?;
    let (registration, _warnings) = read_registration(&request)?;
    engine.handle().submit_blocking(Command::Register(registration))?;
    println!("{}", engine.handle().query()?.customer("ana")?);
    engine.close();
    Ok(std::fs::remove_file(file)?)
}
