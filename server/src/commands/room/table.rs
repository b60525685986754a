//! Tables of text.

use std::fmt;

/// Rows of cells, each column as wide as its widest cell.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    when_empty: &'static str,
}

impl Table {
    pub(super) fn new<const N: usize>(head: [&str; N], when_empty: &'static str) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()], when_empty }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        // Names are chosen by strangers: nothing of them may move the cursor of a terminal.
        let clean = |cell: String| cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        self.rows.push(cells.map(clean).to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [head, rest @ ..] = self.rows.as_slice() else { return Ok(()) };
        if rest.is_empty() {
            return writeln!(f, "{}", self.when_empty);
        }
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in &self.rows {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(["ID", "NAME"], "Nobody.");
        assert_eq!(table.to_string(), "Nobody.\n");
        table.row(["p1".to_owned(), "Zoë\u{1b}[2J".to_owned()]);
        table.row(["p1234".to_owned(), "Al".to_owned()]);
        assert_eq!(table.to_string(), "ID     NAME\np1     Zoë\u{fffd}[2J\np1234  Al\n");
    }
}
