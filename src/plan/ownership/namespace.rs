//! Who may use a namespace: by its claim, or by an adoption.

use k8s_openapi::api::core::v1::Namespace;

use super::{Claim, OtherMappings, ProjectIdentity, is_managed, is_marked};

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

fn owner(claim: Option<&Claim>) -> String {
    match claim {
        Some(claim) => format!(
            "project {} of {}, environment \"{}\", mapping {}",
            claim.project.project_id, claim.project.gitlab_url, claim.environment, claim.mapping
        ),
        None => "nothing that this operator made".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::names, plan::ownership::Others};

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
}
