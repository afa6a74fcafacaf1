//! Flags of the form `--name value`.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

/// The flags that were given.
#[derive(Debug)]
pub struct Flags(HashMap<String, String>);

impl Flags {
    /// Reads flags; every one of them has a value and one of the known names.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn read(arguments: impl Iterator<Item = String>, known: &[&str]) -> Result<Self, String> {
        let mut arguments = arguments;
        let mut flags = HashMap::new();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").filter(|name| known.contains(name));
            let name = name.ok_or_else(|| format!("`{argument}` is not one of --{}", known.join(", --")))?;
            let value = arguments.next().ok_or_else(|| format!("--{name} needs a value"))?;
            flags.insert(name.to_owned(), value);
        }
        Ok(Self(flags))
    }

    /// The value of a flag, or the usual one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get<T: FromStr<Err: Display>>(&self, name: &str, usual: T) -> Result<T, String> {
        self.0
            .get(name)
            .map_or(Ok(usual), |value| value.parse().map_err(|error| format!("--{name} {value}: {error}")))
    }
}
