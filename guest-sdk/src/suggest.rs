//! The nearest valid name for a wrong one, for complaints about settings and files. Knows no names itself.

/// The most similar of `names`, if any is similar enough to be meant.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wrong = plain(wrong);
    let distance_of = |name: &'n str| {
        let candidate = plain(name);
        let distance = strsim::damerau_levenshtein(&wrong, &candidate);
        let allowed = wrong.chars().count().max(candidate.chars().count()) / 3;
        let contained = wrong.len() >= 4 && (candidate.contains(&wrong) || wrong.contains(&candidate));
        (distance <= allowed.max(1) || contained).then_some((distance, name))
    };
    names.into_iter().filter_map(distance_of).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// What serde says about settings, with the name that was meant. Its line and column are those of the JSON, which
/// nobody wrote.
pub(crate) fn with_nearest(said: &str) -> String {
    let said = said.rsplit_once(" at line ").map_or(said, |(before, _)| before);
    let mut quoted = said.split('`').skip(1).step_by(2);
    let wrong = quoted.next().filter(|_| said.starts_with("unknown "));
    match wrong.and_then(|wrong| nearest(wrong, quoted)) {
        Some(near) => format!("{said}; did you mean `{near}`?"),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_meant() {
        let names = ["black", "white", "bypass", "utc-offset"];
        for (wrong, right) in [
            ("blak", Some("black")),
            ("Black", Some("black")),
            ("byapss", Some("bypass")),
            ("utc_offset", Some("utc-offset")),
            ("offset", Some("utc-offset")),
            ("grey", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, names), right, "{wrong}");
        }
    }

    #[test]
    fn what_serde_says_gains_the_name_that_was_meant() {
        let said = "unknown field `blak`, expected one of `black`, `white` at line 1 column 7";
        assert_eq!(with_nearest(said), "unknown field `blak`, expected one of `black`, `white`; did you mean `black`?");
        assert_eq!(with_nearest("unknown field `x`, there are no fields"), "unknown field `x`, there are no fields");
        assert_eq!(with_nearest("missing field `black` at line 1 column 2"), "missing field `black`");
    }
}
