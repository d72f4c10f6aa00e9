//! Deployment tiers of environments.

/// What an environment is for. Production and staging are those whose credentials are protected by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Serves users.
    Production,
    /// The last step before production.
    Staging,
    /// Tests run here.
    Testing,
    /// Developers try things here, review applications included.
    Development,
    /// None of these.
    Other,
}

impl Tier {
    /// Every tier, in GitLab's order.
    pub const ALL: [Self; 5] = [Self::Production, Self::Staging, Self::Testing, Self::Development, Self::Other];

    /// GitLab's word for the tier, as the API and `deployment_tier` in `.gitlab-ci.yml` use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Testing => "testing",
            Self::Development => "development",
            Self::Other => "other",
        }
    }

    /// The tier of GitLab's word; `None` for a word that this program does not know.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == word)
    }
}

/// The tier that GitLab guesses from an environment's name when nobody gives one.
///
/// The first match wins, which is why `preprod` is staging and `print` (it holds `int`) is testing.
///
/// Source: `guess_tier` in `app/models/environment.rb`.
pub fn guess_tier(environment: &str) -> Tier {
    const PARTS: [(Tier, &[&str]); 4] = [
        (Tier::Development, &["dev", "review", "trunk"]),
        (Tier::Testing, &["test", "tst", "int", "acpt", "accept", "qa", "qc", "control", "quality"]),
        (Tier::Staging, &["stg", "stag", "modl", "model", "pre", "demo", "non"]),
        (Tier::Production, &["prd", "prod", "live"]),
    ];
    let name = environment.to_lowercase();
    PARTS
        .into_iter()
        .find(|(_, parts)| parts.iter().any(|part| name.contains(part)))
        .map_or(Tier::Other, |(tier, _)| tier)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::naming::vectors::cases;

    #[test]
    fn tiers_are_guessed_as_by_gitlab() {
        for case in cases("/environment_tier_guess/cases") {
            let tier = guess_tier(case["name"].as_str().unwrap());
            assert_eq!(tier.as_str(), case["tier"].as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn every_tier_is_found_by_its_word_and_no_other_word_is_a_tier() {
        for tier in Tier::ALL {
            assert_eq!(Tier::from_word(tier.as_str()), Some(tier));
        }
        assert_eq!(Tier::from_word("Production"), None);
    }
}
