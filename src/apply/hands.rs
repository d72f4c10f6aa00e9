//! Whether changes are carried out, or only noted down. It is the same code that finds them: what `plan` prints is what
//! the next reconcile does.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use crate::plan::{brake::Deletions, change::Change};

/// What is done with a change.
#[derive(Clone, Default)]
pub enum Hands {
    /// It is carried out.
    #[default]
    Work,
    /// It is noted down, and nobody is told.
    Note(Arc<Notes>),
}

/// The changes that were found.
#[derive(Default)]
pub struct Notes {
    found: AtomicBool,
    changes: Option<Mutex<Vec<Change>>>,
    gone: Mutex<HashSet<String>>,
    foreseen: Arc<Foreseen>,
}

/// What the passes of one plan would have left behind for those after them: the brake counts over all mappings.
#[derive(Default)]
pub struct Foreseen {
    deletions: Mutex<Deletions>,
    held: Mutex<BTreeMap<String, usize>>,
}

impl Notes {
    /// Notes that hold every change in full, of a pass that follows others of the same plan.
    pub fn in_full(foreseen: &Arc<Foreseen>) -> Arc<Self> {
        Arc::new(Self { changes: Some(Mutex::default()), foreseen: foreseen.clone(), ..Self::default() })
    }

    /// Notes that only tell whether there is any change.
    pub fn brief() -> Arc<Self> {
        Arc::default()
    }

    /// Whether any change was found.
    pub fn found_any(&self) -> bool {
        self.found.load(Ordering::Relaxed)
    }

    /// Takes the changes out.
    pub fn take(&self) -> Vec<Change> {
        self.changes.as_ref().map(|changes| std::mem::take(&mut *changes.lock())).unwrap_or_default()
    }
}

impl Hands {
    /// True when the change was noted, and is not to be carried out.
    pub fn note(&self, change: impl FnOnce() -> Change) -> bool {
        let Self::Note(notes) = self else { return false };
        notes.found.store(true, Ordering::Relaxed);
        if let Some(changes) = &notes.changes {
            changes.lock().push(change());
        }
        true
    }

    /// Whether changes are carried out.
    pub fn work(&self) -> bool {
        matches!(self, Self::Work)
    }

    /// Notes the record of deletions as it would be by now.
    pub fn note_deletions(&self, deletions: &Deletions) {
        if let Self::Note(notes) = self {
            notes.foreseen.deletions.lock().clone_from(deletions);
        }
    }

    /// The deletions that would be on record by now, besides those that are.
    pub fn noted_deletions(&self) -> Deletions {
        match self {
            Self::Work => Deletions::new(),
            Self::Note(notes) => notes.foreseen.deletions.lock().clone(),
        }
    }

    /// Notes how many namespaces of a mapping would wait for a person.
    pub fn note_held(&self, mapping: &str, count: usize) {
        if let Self::Note(notes) = self {
            notes.foreseen.held.lock().insert(mapping.to_owned(), count);
        }
    }

    /// How many namespaces would wait by now, by mapping, of those that were looked at.
    pub fn noted_held(&self) -> BTreeMap<String, usize> {
        match self {
            Self::Work => BTreeMap::new(),
            Self::Note(notes) => notes.foreseen.held.lock().clone(),
        }
    }

    /// Notes that an object is going, so that what follows does not find it.
    pub fn note_gone(&self, object: &str) {
        if let Self::Note(notes) = self {
            notes.gone.lock().insert(object.to_owned());
        }
    }

    /// Whether an object would be gone by now.
    pub fn noted_gone(&self, object: &str) -> bool {
        matches!(self, Self::Note(notes) if notes.gone.lock().contains(object))
    }
}
