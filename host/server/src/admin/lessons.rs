//! What `builtin:spam` has learned: counts its lessons where it keeps them, in its own bucket of the state. Reads the
//! head of a lesson only; what it teaches is the filter's own matter.

use postwarden_store::Timestamp;
use serde::{Deserialize, Serialize};

use super::operation::{Operation, Parts, Refused};

const COMPONENT: &str = "builtin:spam";
/// One key a lesson: this and the digest of the message.
const PREFIX: &str = "m/";
/// Lessons that are read at one time.
const PAGE: usize = 500;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountLessons {}

/// Of one filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lessons {
    pub filter: String,
    pub ham: u64,
    pub spam: u64,
    /// The last lesson.
    pub last: Option<Timestamp>,
    /// Everything in its bucket, what it keeps for greylisting and reputation included.
    pub bytes: u64,
}

impl Operation for CountLessons {
    type Reply = Vec<Lessons>;
    const ROUTE: &'static str = "filters/lessons";

    async fn run(self, parts: &Parts<'_>) -> Result<Vec<Lessons>, Refused> {
        let mut all = Vec::new();
        for filter in parts.config.filters.iter().filter(|filter| filter.component == COMPONENT) {
            all.push(count(parts, &filter.name).await?);
        }
        Ok(all)
    }
}

async fn count(parts: &Parts<'_>, filter: &str) -> Result<Lessons, Refused> {
    let bucket = format!("filter/{filter}");
    let (_, bytes) = parts.store.bucket_size(&bucket).await?;
    let mut lessons = Lessons { filter: filter.to_owned(), bytes, ..Lessons::default() };
    let mut after: Option<String> = None;
    loop {
        let keys = parts.store.list_keys(&bucket, PREFIX, after.as_deref(), PAGE, parts.now).await?;
        let values = parts.store.get_many(&bucket, &keys, parts.now).await?;
        values.iter().flatten().for_each(|value| lessons.add(value));
        after = keys.last().cloned();
        if keys.len() < PAGE {
            return Ok(lessons);
        }
    }
}

impl Lessons {
    /// A lesson begins with its layout, 1 for spam or 0 for ham, and its time in big-endian milliseconds.
    fn add(&mut self, lesson: &[u8]) {
        let [_, class @ (0 | 1), a, b, c, d, e, f, g, h, ..] = *lesson else { return };
        let count = if class == 1 { &mut self.spam } else { &mut self.ham };
        *count = count.saturating_add(1);
        let time = Timestamp::try_from(u64::from_be_bytes([a, b, c, d, e, f, g, h])).ok();
        self.last = self.last.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_are_counted_by_their_head() {
        let mut lessons = Lessons::default();
        for lesson in [
            &[1, 1, 0, 0, 0, 0, 0, 0, 1, 0][..],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 7],
            &[1, 2, 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 1],
            &[],
        ] {
            lessons.add(lesson);
        }
        assert_eq!((lessons.spam, lessons.ham, lessons.last), (1, 1, Some(256)));
    }
}
