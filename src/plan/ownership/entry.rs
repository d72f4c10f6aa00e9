//! Who may overwrite an entry in GitLab: by its mark.

use super::OtherMappings;

/// This cluster and a mapping, as written into GitLab: `gl-k8s <cluster.name>/<UID of kube-system>/<mapping>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The cluster's name inside GitLab.
    pub cluster: String,
    /// The UID of the namespace `kube-system`: tells clusters of the same name apart.
    pub cluster_uid: String,
    /// The mapping.
    pub mapping: String,
}

impl Mark {
    const PREFIX: &'static str = "gl-k8s ";

    /// Reads a mark from a variable's description or a cluster entry's name.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(Self::PREFIX)?.split('/');
        let mark = Self {
            cluster: parts.next()?.to_owned(),
            cluster_uid: parts.next()?.to_owned(),
            mapping: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(mark)
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}/{}/{}", Self::PREFIX, self.cluster, self.cluster_uid, self.mapping)
    }
}

/// The verdict on an entry that exists in GitLab under the key and scope that a mapping wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryVerdict {
    /// It carries our mark.
    Ours,
    /// It carries this cluster's mark with a mapping that no longer exists, or none but is exactly what we recorded:
    /// ours, the mark is written anew.
    Remark,
    /// It is somebody else's: left alone.
    NotOurs {
        /// Whose it is, for the message.
        owner: String,
    },
}

/// Judges an entry by its mark. `as_recorded` says that id and fingerprint are those that status recorded.
pub fn judge_entry(text: Option<&str>, ours: &Mark, as_recorded: bool, others: &dyn OtherMappings) -> EntryVerdict {
    match text.and_then(Mark::read) {
        Some(mark) if mark.cluster != ours.cluster => {
            EntryVerdict::NotOurs { owner: format!("the cluster {} (mapping {})", mark.cluster, mark.mapping) }
        }
        Some(mark) if mark.cluster_uid != ours.cluster_uid => {
            let owner = format!(
                "another cluster that is called {} too (mapping {}, kube-system {}; this one's is {})",
                mark.cluster, mark.mapping, mark.cluster_uid, ours.cluster_uid
            );
            EntryVerdict::NotOurs { owner }
        }
        Some(mark) if mark.mapping == ours.mapping => EntryVerdict::Ours,
        Some(mark) if others.exists(&mark.mapping) => {
            EntryVerdict::NotOurs { owner: format!("the mapping {}", mark.mapping) }
        }
        Some(_) => EntryVerdict::Remark,
        None if as_recorded => EntryVerdict::Remark,
        None => EntryVerdict::NotOurs { owner: "somebody who made it without this operator's mark".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ownership::Others;

    #[test]
    fn a_mark_decides_who_may_overwrite_an_entry() {
        let mark = |cluster: &str, uid: &str, mapping: &str| Mark {
            cluster: cluster.into(),
            cluster_uid: uid.into(),
            mapping: mapping.into(),
        };
        let ours = mark("ICC", "u1", "web");
        let judge = |text: Option<&str>, recorded| judge_entry(text, &ours, recorded, &Others(&["other"]));
        assert_eq!(Mark::read(&ours.to_string()), Some(ours.clone()));
        assert_eq!(judge(Some(&ours.to_string()), false), EntryVerdict::Ours);
        assert_eq!(judge(Some(&mark("ICC", "u1", "gone").to_string()), false), EntryVerdict::Remark);
        assert_eq!(judge(Some("edited by a person"), true), EntryVerdict::Remark);
        for (text, recorded) in [
            (Some(mark("ICC", "u1", "other").to_string()), true),
            (Some(mark("ICC", "u2", "web").to_string()), true),
            (Some(mark("Other", "u1", "web").to_string()), true),
            (Some("gl-k8s ICC/u1".to_owned()), false),
            (Some("a person's own".to_owned()), false),
            (None, false),
        ] {
            assert!(matches!(judge(text.as_deref(), recorded), EntryVerdict::NotOurs { .. }), "{text:?}");
        }
    }
}
