//! Reading rows: CSV with a head line, or JSONL.

use super::columns::Columns;
use crate::arguments::Rows;
use crate::error::Failure;
use masivo_core::value::Json;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// What tells a file's content apart, and about how many rows it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileMark {
    /// SHA-256 in hexadecimal.
    pub(super) hash: String,
    /// Line feeds in it.
    pub(super) lines: u64,
}

/// Looks through a file once.
pub(super) fn mark(path: &Path) -> Result<FileMark, Failure> {
    let wrong = |error: std::io::Error| Failure::file(path, &error);
    let mut file = File::open(path).map_err(wrong)?;
    let mut hash = Sha256::new();
    let mut lines = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(wrong)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        hash.update(bytes);
        lines += u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0);
    }
    let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileMark { hash, lines })
}

/// A row as it was read.
#[derive(Debug)]
pub(super) struct ReadRow {
    /// The line it begins at.
    pub(super) line: u64,
    /// What it says, or why it cannot be read.
    pub(super) body: Result<Json, Failure>,
}

/// Reads the rows of a file one after the other.
pub(super) enum Reader {
    /// Comma-separated.
    Csv { path: PathBuf, records: csv::StringRecordsIntoIter<File>, columns: Columns },
    /// One JSON document a line.
    Lines { path: PathBuf, lines: BufReader<File>, number: u64 },
}

impl Reader {
    /// Opens a file; what it is is told by the end of its name.
    pub(super) fn open(path: &Path, what: Rows) -> Result<Self, Failure> {
        let wrong = |error: std::io::Error| Failure::file(path, &error);
        let file = File::open(path).map_err(wrong)?;
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("csv") => {
                let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(file);
                let head = reader.headers().map_err(|error| unreadable(path, &error))?.clone();
                let columns = Columns::read(head.iter(), what)?;
                Ok(Self::Csv { path: path.to_owned(), records: reader.into_records(), columns })
            }
            Some("jsonl" | "ndjson") => {
                Ok(Self::Lines { path: path.to_owned(), lines: BufReader::new(file), number: 0 })
            }
            _ => Err(Failure::usage(
                format!("`{}` is neither .csv nor .jsonl", path.display()),
                "name the file by what it is",
            )),
        }
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<ReadRow>, Failure> {
        match self {
            Self::Csv { path, records, columns } => {
                let line = records.reader().position().line();
                match records.next() {
                    None => Ok(None),
                    Some(Ok(record)) => {
                        let line = record.position().map_or(line, csv::Position::line);
                        Ok(Some(ReadRow { line, body: columns.row(record.iter()) }))
                    }
                    // The file itself fails, not the row.
                    Some(Err(error)) if error.is_io_error() => Err(unreadable(path, &error)),
                    Some(Err(error)) => {
                        let line = error.position().map_or(line, csv::Position::line);
                        let failure = Failure::usage(error.to_string(), "mend the line");
                        Ok(Some(ReadRow { line, body: Err(failure) }))
                    }
                }
            }
            Self::Lines { path, lines, number } => loop {
                let mut line = Vec::new();
                let read = lines.read_until(b'\n', &mut line).map_err(|error| Failure::file(path, &error))?;
                if read == 0 {
                    return Ok(None);
                }
                *number += 1;
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                let body = Json::parse(&line).map_err(|report| Failure::from(&report));
                return Ok(Some(ReadRow { line: *number, body: body.map(unwrap_reject) }));
            },
        }
    }
}

fn unreadable(path: &Path, error: &csv::Error) -> Failure {
    Failure::environment("file", format!("`{}`: {error}", path.display()), "check the file")
}

/// A line of a file of rejects stands for the row it rejected.
fn unwrap_reject(row: Json) -> Json {
    let is_reject = row.get("line").is_some() && row.get("error").is_some();
    match row.get("row") {
        Some(inner) if is_reject => inner.clone(),
        _ => row,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, text: &str) -> Vec<String> {
        let path = std::env::temp_dir().join(format!("masivo-cli-rows-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let mut reader = Reader::open(&path, Rows::Events).unwrap();
        let mut shown = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            let body = row.body.map_or_else(|failure| failure.code().to_owned(), |body| body.to_string());
            shown.push(format!("{} {body}", row.line));
        }
        std::fs::remove_file(&path).unwrap();
        shown
    }

    #[test]
    fn csv_rows_become_documents() {
        let text = "type,order.value,customer_id\nPURCHASE,29.33,00004\nPURCHASE,,\"a\nb\"\nPURCHASE,1\nVIEW_ITEM,2,x\n";
        assert_eq!(
            rows("a.csv", text),
            [
                r#"2 {"type":"PURCHASE","order":{"value":29.33},"customer_id":"00004"}"#,
                r#"3 {"type":"PURCHASE","customer_id":"a\nb"}"#,
                "5 usage",
                r#"6 {"type":"VIEW_ITEM","order":{"value":2},"customer_id":"x"}"#,
            ]
        );
    }

    #[test]
    fn lines_are_documents_and_rejects_are_their_rows() {
        let text = "{\"a\":1}\n\n{oops\n{\"line\":7,\"error\":\"x\",\"row\":{\"b\":2}}\n";
        assert_eq!(rows("a.jsonl", text), ["1 {\"a\":1}", "3 malformed", "4 {\"b\":2}"]);
    }
}
