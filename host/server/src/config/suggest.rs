//! The nearest valid name for a wrong one.

/// The most similar of `names`, if any is similar enough to be meant.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wrong = plain(wrong);
    names
        .into_iter()
        .filter_map(|name| {
            let candidate = plain(name);
            let distance = strsim::damerau_levenshtein(&wrong, &candidate);
            let allowed = wrong.chars().count().max(candidate.chars().count()) / 3;
            let contained = wrong.len() >= 4 && (candidate.contains(&wrong) || wrong.contains(&candidate));
            (distance <= allowed.max(1) || contained).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn similar_names_only() {
        let names = ["max-recipients", "max-errors", "require-helo"];
        for (wrong, right) in [
            ("max-recipient", Some("max-recipients")),
            ("max_recipients", Some("max-recipients")),
            ("maxerrors", Some("max-errors")),
            ("recipients", Some("max-recipients")),
            ("helo", Some("require-helo")),
            ("port", None),
            ("x", None),
        ] {
            assert_eq!(nearest(wrong, names), right, "{wrong}");
        }
    }
}
