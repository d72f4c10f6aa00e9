//! Events that are told again: which one a new one continues, in a few bytes each.
//!
//! kube's own recorder keeps every event of the last six minutes whole, looks at all of them for each new one, and takes two
//! for one that differ in nothing but their note. A cold start with a thousand mappings tells of six thousand.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;

/// An event that is told again within this time after the last one is counted with it, as client-go does it
/// (tools/events, `finishTime`).
const WINDOW: Duration = Duration::from_secs(360);
/// More than this is not remembered: then events that come again are new ones.
const MOST: usize = 10_000;

/// What events look like that are one series: about the same object, with the same type, reason and note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey(u64);

impl SeriesKey {
    /// Of an event.
    pub fn new(about: &ObjectReference, type_: &str, reason: &str, note: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (&about.kind, &about.namespace, &about.name, &about.uid).hash(&mut hasher);
        (type_, reason, note).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The events that may be told again. What is forgotten only makes another event.
#[derive(Debug, Default)]
pub struct Series(HashMap<SeriesKey, Told>);

/// An event that was written.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name.
    pub name: Box<str>,
    /// How often it was told.
    pub count: i32,
    at: Timestamp,
}

impl Series {
    /// The event that tells of the same and is not old; it was told once more now.
    pub fn again(&mut self, key: SeriesKey, now: Timestamp) -> Option<Told> {
        let told = self.0.get_mut(&key).filter(|told| told.at + WINDOW > now)?;
        told.count = told.count.saturating_add(1);
        told.at = now;
        Some(told.clone())
    }

    /// An event of this name was written.
    pub fn first(&mut self, key: SeriesKey, name: String, now: Timestamp) {
        if self.0.len() >= MOST {
            self.0.clear();
        } else if self.0.len() == self.0.capacity() {
            self.0.retain(|_, told| told.at + WINDOW > now);
        }
        self.0.insert(key, Told { name: name.into_boxed_str(), count: 1, at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(note: &str) -> SeriesKey {
        let about = ObjectReference { name: Some("web".into()), ..ObjectReference::default() };
        SeriesKey::new(&about, "Normal", "NamespaceCreated", note)
    }

    #[test]
    fn an_event_that_is_told_again_soon_is_counted_with_the_first() {
        let (mut series, now) = (Series::default(), Timestamp::UNIX_EPOCH);
        assert!(series.again(key("a"), now).is_none());
        series.first(key("a"), "web.a".into(), now);
        let counts: Vec<_> = (1..4).map(|_| series.again(key("a"), now + WINDOW / 2).map(|told| told.count)).collect();
        assert_eq!(counts, [Some(2), Some(3), Some(4)]);
        assert!(series.again(key("a"), now + WINDOW * 2).is_none(), "it is too old");
    }

    #[test]
    fn events_with_different_notes_are_different_events() {
        let (mut series, now) = (Series::default(), Timestamp::UNIX_EPOCH);
        series.first(key("a"), "web.a".into(), now);
        assert!(series.again(key("b"), now).is_none());
    }

    #[test]
    fn no_number_of_events_is_remembered_beyond_a_bound() {
        let (mut series, now) = (Series::default(), Timestamp::UNIX_EPOCH);
        for number in 0..MOST * 2 {
            series.first(key(&number.to_string()), "web.a".into(), now);
            assert!(series.0.len() <= MOST);
        }
    }
}
