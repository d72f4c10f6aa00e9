//! Who owns what: claims on namespaces and marks in GitLab, each judged by one truth table.
//!
//! A *claim* is what a managed namespace says about itself; a *mark* is what an entry that we wrote into GitLab says
//! about itself. Status is only a cache of both: whatever destroys or overwrites asks here first.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;

use crate::api::names;

/// What identifies a project: the server and the number that it gave the project. Paths are for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProjectIdentity {
    /// The instance's URL as in `GitLabInstance.spec.url`.
    pub gitlab_url: String,
    /// GitLab's numeric project id.
    pub project_id: i64,
}

/// The claim on a namespace, read from its labels and annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which project the namespace belongs to.
    pub project: ProjectIdentity,
    /// The environment's exact name; empty for a per-project namespace.
    pub environment: String,
    /// The mapping that wrote the claim last.
    pub mapping: String,
}

impl Claim {
    /// Reads the claim of a namespace; `None` when a part is missing or malformed. The managed-by label is not looked at.
    pub fn read(namespace: &Namespace) -> Option<Self> {
        let labels = namespace.metadata.labels.as_ref()?;
        let annotations = namespace.metadata.annotations.as_ref()?;
        Some(Self {
            project: ProjectIdentity {
                gitlab_url: annotations.get(names::GITLAB_URL_ANNOTATION)?.clone(),
                project_id: labels.get(names::PROJECT_ID)?.parse().ok()?,
            },
            environment: annotations.get(names::ENVIRONMENT_ANNOTATION)?.clone(),
            mapping: annotations.get(names::MAPPING_ANNOTATION)?.clone(),
        })
    }
}

/// Whether the namespace carries our managed-by label.
pub fn is_managed(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels.and_then(|labels| labels.get(names::MANAGED_BY_LABEL)).is_some_and(|value| value == names::MANAGED_BY)
}

/// What other mappings exist, as far as ownership needs to know.
pub trait OtherMappings {
    /// Whether a mapping of this name exists and still names this project.
    fn holds(&self, mapping: &str, project: &ProjectIdentity) -> bool;
    /// Whether a mapping of this name exists at all.
    fn exists(&self, mapping: &str) -> bool;
}

/// The verdict on a namespace that a mapping wants to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceVerdict {
    /// It does not exist: create it with the claim.
    Free,
    /// It carries our claim.
    Ours,
    /// It carries a claim of the same identity whose mapping is gone: take it over.
    Inherited {
        /// The mapping that held it.
        from: String,
    },
    /// It was ours but lost the managed-by label: left alone.
    ClaimLost,
    /// It is somebody else's, or nobody's that we know: left alone.
    Foreign {
        /// What it says about itself, for the message.
        owner: String,
    },
    /// It is nobody's, the mapping names its UID, and an administrator labelled it: write the claim.
    Adopted,
    /// It is nobody's, and one of the two acts of an adoption was done: left alone.
    HalfAdopted {
        /// What is missing.
        missing: AdoptionAct,
    },
    /// The mapping asks for its adoption, which cannot be: left alone, and not made anew either.
    NotAdopted {
        /// What stands against it.
        why: AdoptionObstacle,
    },
}

/// One of the two acts of an adoption. Neither alone can do anything: who writes mappings cannot take a namespace, and who
/// writes claims cannot give it to a project unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionAct {
    /// The mapping's annotation names the namespace with its UID.
    Annotation,
    /// Who may write claims puts the managed-by label on the namespace.
    Label,
}

/// What stands against an adoption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptionObstacle {
    /// It has another UID than the one that was meant.
    OtherUid {
        /// Its UID.
        live: String,
    },
    /// It says that it belongs to somebody, if only in part.
    Claimed {
        /// Whom.
        owner: String,
    },
    /// It does not exist, and never was this mapping's.
    Gone,
}

/// What a mapping wants a namespace for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The project.
    pub project: &'a ProjectIdentity,
    /// The environment's exact name; empty for a per-project namespace.
    pub environment: &'a str,
    /// The mapping that asks.
    pub mapping: &'a str,
    /// The UID that status recorded for this namespace, if any.
    pub recorded_uid: Option<&'a str>,
    /// The UID under which the mapping asks to adopt this namespace, if it does.
    pub adopt: Option<&'a str>,
}

/// Judges a namespace that exists (or not) under the name that a mapping wants.
pub fn judge_namespace(live: Option<&Namespace>, wish: Wish<'_>, others: &dyn OtherMappings) -> NamespaceVerdict {
    let Some(live) = live else {
        let never_had = wish.adopt.is_some() && wish.recorded_uid.is_none();
        let gone = NamespaceVerdict::NotAdopted { why: AdoptionObstacle::Gone };
        return if never_had { gone } else { NamespaceVerdict::Free };
    };
    let claim = Claim::read(live);
    let fits =
        claim.as_ref().is_some_and(|claim| claim.project == *wish.project && claim.environment == wish.environment);
    if !is_managed(live.metadata.labels.as_ref()) {
        let recorded = wish.recorded_uid.is_some() && live.metadata.uid.as_deref() == wish.recorded_uid;
        return if fits || recorded { NamespaceVerdict::ClaimLost } else { unclaimed(live, claim.as_ref(), wish) };
    }
    match claim {
        Some(claim) if fits && claim.mapping == wish.mapping => NamespaceVerdict::Ours,
        Some(claim) if fits && !others.holds(&claim.mapping, wish.project) => {
            NamespaceVerdict::Inherited { from: claim.mapping }
        }
        claim => unclaimed(live, claim.as_ref(), wish),
    }
}

/// Judges a namespace without a fitting claim: only an adoption can make it the mapping's.
fn unclaimed(live: &Namespace, claim: Option<&Claim>, wish: Wish<'_>) -> NamespaceVerdict {
    let managed = is_managed(live.metadata.labels.as_ref());
    let marked = is_marked(live);
    let uid = live.metadata.uid.as_deref().unwrap_or_default();
    match wish.adopt {
        None if managed && !marked => NamespaceVerdict::HalfAdopted { missing: AdoptionAct::Annotation },
        None => NamespaceVerdict::Foreign { owner: owner(claim) },
        Some(_) if marked => NamespaceVerdict::NotAdopted { why: AdoptionObstacle::Claimed { owner: owner(claim) } },
        Some(meant) if meant != uid => {
            NamespaceVerdict::NotAdopted { why: AdoptionObstacle::OtherUid { live: uid.to_owned() } }
        }
        Some(_) if !managed => NamespaceVerdict::HalfAdopted { missing: AdoptionAct::Label },
        Some(_) => NamespaceVerdict::Adopted,
    }
}

/// Whether the namespace carries any of our marks besides the managed-by label, be they complete or not.
pub fn is_marked(namespace: &Namespace) -> bool {
    let ours = |map: &Option<BTreeMap<String, String>>| {
        map.iter().flatten().any(|(key, _)| key.starts_with(names::MARK_PREFIX))
    };
    ours(&namespace.metadata.labels) || ours(&namespace.metadata.annotations)
}

fn owner(claim: Option<&Claim>) -> String {
    match claim {
        Some(claim) => format!(
            "project {} of {}, environment \"{}\", mapping {}",
            claim.project.project_id, claim.project.gitlab_url, claim.environment, claim.mapping
        ),
        None => "nothing that this operator made".to_owned(),
    }
}

/// A mapping that may hold a project, for [`holder`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The mapping's name.
    pub name: String,
    /// Its UID: the tie-break among mappings created in the same second.
    pub uid: String,
    /// Its creation time in Unix seconds.
    pub created: i64,
}

/// Who holds a project: the mapping that a namespace's claim names while it is among the candidates, else the oldest.
///
/// `claims` are the claims of this project in the cluster, read live; `candidates` are all mappings that name it.
pub fn holder<'a>(candidates: &'a [Candidate], claims: &[Claim]) -> Option<&'a Candidate> {
    let claimed = candidates.iter().filter(|candidate| claims.iter().any(|claim| claim.mapping == candidate.name));
    oldest(claimed).or_else(|| oldest(candidates.iter()))
}

fn oldest<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Option<&'a Candidate> {
    candidates.min_by(|a, b| (a.created, &a.uid).cmp(&(b.created, &b.uid)))
}

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

/// The other mappings that exist in a test, by name.
#[cfg(test)]
pub(crate) struct Others(pub &'static [&'static str]);

#[cfg(test)]
impl OtherMappings for Others {
    fn holds(&self, mapping: &str, _: &ProjectIdentity) -> bool {
        self.0.contains(&mapping)
    }
    fn exists(&self, mapping: &str) -> bool {
        self.0.contains(&mapping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> ProjectIdentity {
        ProjectIdentity { gitlab_url: "https://gitlab.example.edu".into(), project_id: 42 }
    }

    fn namespace(managed: bool, claim: Option<(&str, &str, &str)>) -> Namespace {
        let mut namespace = Namespace::default();
        namespace.metadata.uid = Some("uid-1".into());
        let labels = namespace.metadata.labels.get_or_insert_default();
        if managed {
            labels.insert(names::MANAGED_BY_LABEL.into(), names::MANAGED_BY.into());
        }
        if let Some((id, environment, mapping)) = claim {
            labels.insert(names::PROJECT_ID.into(), id.into());
            let annotations = namespace.metadata.annotations.get_or_insert_default();
            annotations.insert(names::GITLAB_URL_ANNOTATION.into(), "https://gitlab.example.edu".into());
            annotations.insert(names::ENVIRONMENT_ANNOTATION.into(), environment.into());
            annotations.insert(names::MAPPING_ANNOTATION.into(), mapping.into());
        }
        namespace
    }

    fn verdict(live: Option<&Namespace>, recorded_uid: Option<&str>) -> NamespaceVerdict {
        judged(live, recorded_uid, None)
    }

    fn judged(live: Option<&Namespace>, recorded_uid: Option<&str>, adopt: Option<&str>) -> NamespaceVerdict {
        let project = project();
        let wish = Wish { project: &project, environment: "production", mapping: "web", recorded_uid, adopt };
        judge_namespace(live, wish, &Others(&["other"]))
    }

    #[test]
    fn the_claim_decides_who_may_use_a_namespace() {
        assert_eq!(verdict(None, None), NamespaceVerdict::Free);
        let ours = namespace(true, Some(("42", "production", "web")));
        assert_eq!(verdict(Some(&ours), None), NamespaceVerdict::Ours);
        let gone = namespace(true, Some(("42", "production", "gone")));
        assert_eq!(verdict(Some(&gone), None), NamespaceVerdict::Inherited { from: "gone".into() });
        for foreign in [
            namespace(true, Some(("42", "production", "other"))),
            namespace(true, Some(("43", "production", "web"))),
            namespace(true, Some(("42", "staging", "web"))),
            namespace(false, None),
        ] {
            assert!(matches!(verdict(Some(&foreign), None), NamespaceVerdict::Foreign { .. }), "{foreign:?}");
        }
    }

    #[test]
    fn a_namespace_that_lost_our_label_is_left_alone() {
        let lost = namespace(false, Some(("42", "production", "web")));
        assert_eq!(verdict(Some(&lost), None), NamespaceVerdict::ClaimLost);
        let stripped = namespace(false, None);
        assert_eq!(verdict(Some(&stripped), Some("uid-1")), NamespaceVerdict::ClaimLost);
        assert!(matches!(verdict(Some(&stripped), Some("uid-2")), NamespaceVerdict::Foreign { .. }));
    }

    /// What a namespace may say about itself, besides the managed-by label.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Marks {
        None,
        Part,
        Ours,
        OfAMappingThatIsGone,
        OfAnotherMapping,
        OfAnotherProject,
        OfAnotherEnvironment,
    }

    impl Marks {
        const ALL: [Self; 7] = [
            Self::None,
            Self::Part,
            Self::Ours,
            Self::OfAMappingThatIsGone,
            Self::OfAnotherMapping,
            Self::OfAnotherProject,
            Self::OfAnotherEnvironment,
        ];

        fn on(self, managed: bool) -> Namespace {
            let mut marked = namespace(
                managed,
                match self {
                    Self::None | Self::Part => None,
                    Self::Ours => Some(("42", "production", "web")),
                    Self::OfAMappingThatIsGone => Some(("42", "production", "gone")),
                    Self::OfAnotherMapping => Some(("42", "production", "other")),
                    Self::OfAnotherProject => Some(("43", "production", "web")),
                    Self::OfAnotherEnvironment => Some(("42", "staging", "web")),
                },
            );
            if self == Self::Part {
                let annotations = marked.metadata.annotations.get_or_insert_default();
                annotations.insert(names::MAPPING_ANNOTATION.into(), "web".into());
            }
            marked
        }

        fn fits(self) -> bool {
            matches!(self, Self::Ours | Self::OfAMappingThatIsGone | Self::OfAnotherMapping)
        }
    }

    /// Every case there is. The namespace has the UID `uid-1`.
    #[test]
    fn only_two_acts_together_adopt_a_namespace_and_only_one_that_says_nothing() {
        use NamespaceVerdict as Verdict;
        let uids = [None, Some("uid-1"), Some("uid-2")];
        let mut adopted = 0;
        for (marks, managed) in Marks::ALL.into_iter().flat_map(|marks| [(marks, true), (marks, false)]) {
            for (recorded, adopt) in uids.into_iter().flat_map(|recorded| uids.map(|adopt| (recorded, adopt))) {
                let verdict = judged(Some(&marks.on(managed)), recorded, adopt);
                let case = format!("{marks:?} managed={managed} recorded={recorded:?} adopt={adopt:?}: {verdict:?}");
                let says_nothing = marks == Marks::None;
                let right = match &verdict {
                    Verdict::Ours => managed && marks == Marks::Ours,
                    Verdict::Inherited { .. } => managed && marks == Marks::OfAMappingThatIsGone,
                    Verdict::ClaimLost => !managed && (marks.fits() || recorded == Some("uid-1")),
                    Verdict::Adopted => managed && says_nothing && adopt == Some("uid-1"),
                    Verdict::HalfAdopted { missing: AdoptionAct::Annotation } => {
                        managed && says_nothing && adopt.is_none()
                    }
                    Verdict::HalfAdopted { missing: AdoptionAct::Label } => {
                        !managed && says_nothing && adopt == Some("uid-1")
                    }
                    Verdict::NotAdopted { why: AdoptionObstacle::OtherUid { live } } => {
                        says_nothing && adopt == Some("uid-2") && live == "uid-1"
                    }
                    Verdict::NotAdopted { why: AdoptionObstacle::Claimed { .. } } => adopt.is_some() && !says_nothing,
                    Verdict::Foreign { .. } => adopt.is_none() && (!managed || !says_nothing),
                    Verdict::Free | Verdict::NotAdopted { why: AdoptionObstacle::Gone } => false,
                };
                assert!(right, "{case}");
                // What was ours without an adoption is so with one, and the other way round.
                let without = judged(Some(&marks.on(managed)), recorded, None);
                let by_claim = |verdict: &Verdict| {
                    matches!(verdict, Verdict::Ours | Verdict::Inherited { .. } | Verdict::ClaimLost)
                };
                assert_eq!(by_claim(&verdict), by_claim(&without), "{case}");
                adopted += usize::from(verdict == Verdict::Adopted);
            }
        }
        assert_eq!(adopted, 3, "whatever was on record");
    }

    #[test]
    fn a_namespace_that_is_to_be_adopted_is_not_made_instead() {
        let gone = NamespaceVerdict::NotAdopted { why: AdoptionObstacle::Gone };
        assert_eq!(judged(None, None, Some("uid-1")), gone);
        // One that the mapping had is made anew, as any other.
        for recorded in [Some("uid-1"), Some("uid-2")] {
            assert_eq!(judged(None, recorded, Some("uid-1")), NamespaceVerdict::Free);
        }
        assert_eq!(judged(None, None, None), NamespaceVerdict::Free);
    }

    #[test]
    fn a_claim_beats_age_and_age_beats_the_rest() {
        let candidate = |name: &str, created| Candidate { name: name.into(), uid: format!("uid-{name}"), created };
        let both = [candidate("young", 20), candidate("old", 10)];
        assert_eq!(holder(&both, &[]).map(|c| c.name.as_str()), Some("old"));
        let claim =
            |mapping: &str| Claim { project: project(), environment: "production".into(), mapping: mapping.into() };
        assert_eq!(holder(&both, &[claim("young")]).map(|c| c.name.as_str()), Some("young"));
        assert_eq!(holder(&both, &[claim("gone")]).map(|c| c.name.as_str()), Some("old"));
        let twins = [candidate("b", 10), candidate("a", 10)];
        assert_eq!(holder(&twins, &[]).map(|c| c.name.as_str()), Some("a"), "the UID breaks a tie");
        assert_eq!(holder(&[], &[claim("gone")]), None);
    }

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
