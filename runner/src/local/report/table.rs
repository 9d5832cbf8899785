//! Columns aligned as kubectl aligns them: by their longest cell, three spaces apart.

/// The rows below their head, every line ended.
pub(super) fn aligned<const N: usize>(head: &[String; N], rows: &[[String; N]]) -> String {
    let lines = || std::iter::once(head).chain(rows);
    let widths: [usize; N] = std::array::from_fn(|column| {
        lines().map(|cells| cells[column].chars().count()).max().unwrap_or_default()
    });
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}   "));
        format!("{}\n", padded.collect::<String>().trim_end())
    };
    lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [row(["a", "long cell", ""]), row(["été", "b", "c"])];
        assert_eq!(
            aligned(&row(["NAME", "X", "Y"]), &rows),
            "NAME   X           Y\na      long cell\nété    b           c\n"
        );
    }
}
