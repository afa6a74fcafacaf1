//! What is printed: one JSON document with `--json`, words and tables for people otherwise.

use crate::error::Failure;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use indicatif::{ProgressBar, ProgressStyle};
use masivo_core::value::Json;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// Columns of a table when it is not known how many a person sees.
const WIDTH: u16 = 110;
/// A line under the head, and nothing else.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// How answers are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether a machine reads them.
    pub(crate) json: bool,
}

impl Output {
    /// Prints an answer: the document for a machine, the text for a person.
    pub(crate) fn answer(self, document: &Json, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = if self.json { document.to_string() } else { text() };
        write_line(&text)
    }

    /// Prints text as it is, whoever reads it.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        write_line(text)
    }

    /// Says something on stderr to a person; a machine is not told.
    pub(crate) fn remark(self, text: &str) {
        if !self.json {
            note(text);
        }
    }

    /// Says on stderr why it did not work.
    pub(crate) fn failure(self, failure: &Failure) {
        if !failure.is_silent() {
            note(&if self.json { failure.to_json().to_string() } else { failure.to_string() });
        }
    }

    /// A progress bar on stderr; it is quiet when nobody looks.
    pub(crate) fn progress(self, length: u64, what: &'static str) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec}");
        // The template is fixed; should it ever be wrong, the plain bar is as good.
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.with_message(what)
    }
}

fn write_line(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        // Whoever read has enough: `masivo … | head` is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::environment("stdout", format!("stdout: {error}"), "")),
        Ok(()) => Ok(()),
    }
}

fn note(text: &str) {
    // When even stderr is gone there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// A table with a head.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(head);
    let mut numeric = [true; N];
    for row in rows {
        for (numeric, cell) in numeric.iter_mut().zip(&row) {
            *numeric &= is_number(cell);
        }
        table.add_row(row);
    }
    for (title, column) in head.iter().zip(table.column_iter_mut()) {
        // A title is read in one piece.
        let width = u16::try_from(title.len()).unwrap_or(WIDTH).saturating_add(2).min(WIDTH);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
    for (index, numeric) in numeric.into_iter().enumerate() {
        // The first column names things, whatever it looks like.
        if let (true, Some(column)) = (numeric && index > 0, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn is_number(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_digit() || ",.-".contains(character))
}

/// Lines of a label and what belongs to it, in two columns.
pub(crate) fn facts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<(&str, String)> = rows.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(label, value)| format!("{label:width$}  {value}")).collect();
    lines.join("\n")
}

/// A JSON value as a person reads it: texts without quotes, nothing for `null`.
pub(crate) fn plain(json: Option<&Json>) -> String {
    match json {
        None | Some(Json::Null) => String::new(),
        Some(Json::Text(text)) => text.clone(),
        Some(Json::Number(number)) => grouped(&number.to_string()),
        Some(other) => other.to_string(),
    }
}

/// A number with commas between thousands.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) =
        rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut shown = String::new();
    let length = whole.len();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (length - index) % 3 == 0 {
            shown.push(',');
        }
        shown.push(digit);
    }
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    format!("{sign}{shown}{fraction}")
}

/// A count with commas between thousands.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// An instant as a person reads it: to the second.
pub(crate) fn instant(json: Option<&Json>) -> String {
    let text = plain(json);
    match text.split_once('.') {
        Some((seconds, rest)) if rest.ends_with('Z') => format!("{}Z", seconds.replace('T', " ")),
        _ => text,
    }
}

/// Several blocks of text with an empty line between them; empty ones are left out.
pub(crate) fn blocks(blocks: impl IntoIterator<Item = String>) -> String {
    let blocks: Vec<String> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
    blocks.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_thousands() {
        for (number, expected) in
            [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1234567.5", "-1,234,567.5")]
        {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn facts_stand_in_two_columns() {
        let shown =
            facts([("name", "Ana".to_owned()), ("e-mail", String::new()), ("tier", "Gold".to_owned())]);
        assert_eq!(shown, "name  Ana\ntier  Gold");
    }

    #[test]
    fn instants_are_shown_to_the_second() {
        assert_eq!(instant(Some(&Json::from("2026-11-22T10:00:00.000Z"))), "2026-11-22 10:00:00Z");
        assert_eq!(instant(Some(&Json::Null)), "");
    }
}
