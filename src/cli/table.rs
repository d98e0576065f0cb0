//! Tables on a terminal. No word is split: where the words of the columns do not fit side by side, the rows are printed as
//! a list. A space that does not break, U+00A0, is part of a word.

use super::output::emphasise;
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, Width, presets};

/// Width of a table in characters, where the output is not a terminal, or one of unknown width.
const DEFAULT_WIDTH: u16 = 120;

/// Characters beside the contents of a column.
const PADDING: usize = 2;

/// The width of a table on a terminal of this width; some terminals of unknown width state 0.
pub fn usable_width(terminal: Option<u16>) -> u16 {
    terminal.filter(|&width| width > 0).unwrap_or(DEFAULT_WIDTH)
}

/// A table without rows in the style of the program, as wide as the terminal.
pub fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(usable_width(table.width()));
    emphasise(&mut table);
    table
}

/// Rows of two texts, the first of each as wide as the longest. On a terminal the second is divided into lines between
/// words; below each other where the terminal is too narrow for that.
pub fn columns(rows: &[[String; 2]]) -> String {
    columns_of_width(rows, Table::new().width().filter(|&width| width > 0).map(usize::from))
}

/// A text in lines as wide as a table, further ones indented.
pub fn paragraph(text: &str) -> String {
    let mut lines = Vec::new();
    wrap(text, usize::from(usable_width(Table::new().width())), "  ", &mut lines);
    lines.join("\n").trim_start().into()
}

/// Least width of the second column.
const LEAST_TEXT: usize = 30;

fn columns_of_width(rows: &[[String; 2]], terminal: Option<usize>) -> String {
    let first = rows.iter().map(|[name, _]| name.chars().count()).max().unwrap_or(0) + 2;
    let mut lines = Vec::new();
    for [name, text] in rows {
        match terminal {
            None => lines.push(format!("{name:first$}{text}")),
            Some(width) if width < first + LEAST_TEXT => {
                lines.push(name.clone());
                wrap(text, width, "  ", &mut lines);
            }
            Some(width) => {
                let begun = lines.len();
                wrap(text, width, &" ".repeat(first), &mut lines);
                lines[begun].replace_range(..first, &format!("{name:first$}"));
            }
        }
    }
    lines.join("\n")
}

/// The text of a table with a header.
pub fn text(mut table: Table) -> String {
    let width = usize::from(usable_width(table.width()));
    let words = longest_words(&table);
    let needed: usize = words.iter().map(|length| length + PADDING).sum::<usize>() + words.len().saturating_sub(1);
    if needed > width {
        return list(&table, width);
    }
    for (column, length) in table.column_iter_mut().zip(words) {
        let least = u16::try_from(length + PADDING).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
    }
    table.to_string()
}

/// The length of the longest word of every column.
fn longest_words(table: &Table) -> Vec<usize> {
    let mut longest = vec![0; table.column_iter().count()];
    for row in table.header().into_iter().chain(table.row_iter()) {
        for (length, cell) in longest.iter_mut().zip(row.cell_iter()) {
            let words = cell.content().split_ascii_whitespace().map(|word| word.chars().count()).max();
            *length = words.unwrap_or(0).max(*length);
        }
    }
    longest
}

/// The rows of a table below each other: the first cell, and the others with the titles of their columns.
fn list(table: &Table, width: usize) -> String {
    let cells = |row: &Row| -> Vec<String> {
        row.cell_iter().map(|cell| cell.content().split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let titles = table.header().map(cells).unwrap_or_default();
    let mut text = Vec::new();
    for row in table.row_iter() {
        for (column, cell) in cells(row).into_iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let title = titles.get(column).filter(|title| column > 0 && !title.is_empty());
            let line = title.map_or(cell.clone(), |title| format!("{title}: {cell}"));
            wrap(&line, width, if column > 0 { "  " } else { "" }, &mut text);
        }
        text.push("─".repeat(width));
    }
    text.join("\n")
}

/// Adds the lines of a text that are at most `width` wide and begin with `indent`; longer words stay whole.
fn wrap(text: &str, width: usize, indent: &str, lines: &mut Vec<String>) {
    let mut line = indent.to_string();
    for word in text.split(' ') {
        let begun = line.len() > indent.len();
        if begun && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, format!("{indent}{word}")));
        } else {
            if begun {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_of_width_0_is_one_of_unknown_width() {
        assert_eq!([None, Some(0), Some(40)].map(usable_width), [DEFAULT_WIDTH, DEFAULT_WIDTH, 40]);
    }

    #[test]
    fn columns_as_wide_as_the_terminal() {
        let rows = [["digits", "parity of digits at widths 32 to 512"], ["teacher", "a tanh teacher"]]
            .map(|row| row.map(String::from));
        let plain = "digits   parity of digits at widths 32 to 512\nteacher  a tanh teacher";
        assert_eq!(columns_of_width(&rows, None), plain);
        assert_eq!(columns_of_width(&rows, Some(80)), plain);
        let narrow = "digits   parity of digits at widths 32\n         to 512\nteacher  a tanh teacher";
        assert_eq!(columns_of_width(&rows, Some(40)), narrow);
        let list = "digits\n  parity of digits at\n  widths 32 to 512\nteacher\n  a tanh teacher";
        assert_eq!(columns_of_width(&rows, Some(22)), list);
    }

    /// At every width all words are whole, and from 40 on no line is wider than the terminal.
    #[test]
    fn no_word_is_split() {
        let header = ["check", "statement", "measured", "joint interval", "expected", "verdict"];
        let row = [
            "gap-widths-function-final",
            "|f_N - f_rho|^2 at T falls at least as 1/N - 1/M\n-> the interval is wide",
            "-0.989\n[-1.082, -0.896]",
            "[-1.158, -0.819]",
            "-1.000",
            "not resolved",
        ];
        // The title of the first column is left out in a list.
        let words: Vec<&str> = header[1..].iter().chain(&row).flat_map(|cell| cell.split_whitespace()).collect();
        for width in 20..140 {
            let mut table = table();
            table.set_width(width).set_header(header);
            table.add_row(row);
            let text = text(table);
            let found: Vec<&str> = text.split_whitespace().collect();
            for word in &words {
                let title = format!("{word}:");
                assert!(found.iter().any(|other| other == word || **other == title), "{width}: {word}\n{text}");
            }
            if width >= 27 {
                assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}\n{text}");
            }
        }
    }
}
