//! Whether changes are carried out, or only noted down. It is the same code that finds them: what `plan` prints is what
//! the next reconcile does.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::plan::change::Change;

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
    begun: Mutex<HashSet<String>>,
}

impl Notes {
    /// Notes that hold every change in full.
    pub fn in_full() -> Arc<Self> {
        Arc::new(Self { changes: Some(Mutex::default()), ..Self::default() })
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
        self.changes.as_ref().map(|changes| std::mem::take(&mut *locked(changes))).unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hands {
    /// True when the change was noted, and is not to be carried out.
    pub fn note(&self, change: impl FnOnce() -> Change) -> bool {
        let Self::Note(notes) = self else { return false };
        notes.found.store(true, Ordering::Relaxed);
        if let Some(changes) = &notes.changes {
            locked(changes).push(change());
        }
        true
    }

    /// Whether changes are carried out.
    pub fn work(&self) -> bool {
        matches!(self, Self::Work)
    }

    /// Whether an object is spoken of for the first time: what is made once is noted once.
    pub fn is_first_of(&self, object: &str) -> bool {
        match self {
            Self::Work => true,
            Self::Note(notes) => locked(&notes.begun).insert(object.to_owned()),
        }
    }

    /// Notes that an object is going, so that what follows does not find it.
    pub fn note_gone(&self, object: &str) {
        if let Self::Note(notes) = self {
            locked(&notes.gone).insert(object.to_owned());
        }
    }

    /// Whether an object would be gone by now.
    pub fn noted_gone(&self, object: &str) -> bool {
        matches!(self, Self::Note(notes) if locked(&notes.gone).contains(object))
    }
}
