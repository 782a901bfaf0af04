//! Names that are not known: told with the nearest known one.

/// Changes that still count as a slip of the hand.
const CHANGES_MAX: usize = 4;

/// `there is no symbol "X"; did you mean "Y"?`
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = known.map(|known| (distance(name, known), known)).min();
    match best {
        Some((changes, nearest)) if changes <= CHANGES_MAX => {
            format!("there is no {what} \"{name}\"; did you mean \"{nearest}\"?")
        }
        _ => format!("there is no {what} \"{name}\""),
    }
}

/// Letters to insert, delete or change, whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().take(100).enumerate() {
        let mut corner = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = left.min(above).saturating_add(1).min(corner.saturating_add(usize::from(x != *y)));
            corner = above;
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}
