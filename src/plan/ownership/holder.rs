//! Which of several mappings holds a project.

use super::Claim;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ownership::ProjectIdentity;

    fn project() -> ProjectIdentity {
        ProjectIdentity { gitlab_url: "https://gitlab.example.edu".into(), project_id: 42 }
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
}
