//! Names that are not known: told with the nearest known one.

/// `there is no symbol "X"; did you mean "Y"?`
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match postwarden_filter::nearest(name, known) {
        Some(nearest) => format!("there is no {what} \"{name}\"; did you mean \"{nearest}\"?"),
        None => format!("there is no {what} \"{name}\""),
    }
}
