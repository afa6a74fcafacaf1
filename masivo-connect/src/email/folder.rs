//! Writes messages as files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::Outcome;
use super::compose::hex;

/// Tells the temporary files of this process apart.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Writes a message into a folder, unless a file with its id is there already.
pub(super) async fn store(folder: PathBuf, message_id: &str, bytes: Vec<u8>) -> Outcome {
    let name = file_name(message_id);
    let written = tokio::task::spawn_blocking(move || write(&folder, &name, &bytes).map(|()| name)).await;
    match written {
        Ok(Ok(name)) => Outcome::Delivered { detail: name },
        Ok(Err(error)) => Outcome::Later { reason: format!("the file cannot be written: {error}") },
        Err(_) => Outcome::Unknown { reason: "the program stopped while the file was written".to_owned() },
    }
}

/// Removes the file of a message; one that is not there is fine.
pub(super) async fn erase(folder: PathBuf, message_id: &str) -> io::Result<()> {
    let path = folder.join(file_name(message_id));
    let removed = tokio::task::spawn_blocking(move || fs::remove_file(path)).await;
    match removed {
        Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::other("the program stopped while the file was removed")),
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    if path.try_exists()? {
        return Ok(());
    }
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}.{}-{unique}.tmp", std::process::id()));
    let result = write_whole(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result?;
    // Not every system lets a folder be synced; the file itself already is.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a file name of a message id; ids that differ have names that differ.
fn file_name(message_id: &str) -> String {
    let id = message_id.trim_start_matches('<').trim_end_matches('>');
    let safe = |character: char| character.is_ascii_alphanumeric() || "-_@.".contains(character);
    let plain = id.chars().all(safe) && !id.starts_with('.') && id.len() <= 150;
    // Some file systems do not tell capitals from small letters.
    if plain && !id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return format!("{id}.eml");
    }
    let cleaned: String =
        id.chars().map(|character| if safe(character) { character } else { '_' }).take(150).collect();
    let digest = hex(&Sha256::digest(id.as_bytes()), 8);
    format!("{}~{digest}.eml", cleaned.trim_start_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_safe_and_differ() {
        assert_eq!(file_name("<m-1@masivo.example>"), "m-1@masivo.example.eml");
        let names: Vec<String> =
            ["../../etc/passwd@x", ".._.._etc_passwd@x", "A@x", "a@x", "a/b@x", "a_b@x", &"x".repeat(400)]
                .iter()
                .map(|id| file_name(id))
                .collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!name.contains('/') && !name.starts_with('.') && name.len() < 200, "{name}");
            assert!(!names.iter().take(index).any(|other| other == name), "{name}");
        }
    }
}
