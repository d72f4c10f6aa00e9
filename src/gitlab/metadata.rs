//! What GitLab says of itself.

use http::Method;
use serde::Deserialize;

use super::{call::Endpoint, client::Client, error::Error};

const METADATA: Endpoint = Endpoint::new(Method::GET, "GET /metadata");

/// An instance's release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The release.
    pub version: Version,
    /// Whether it runs the Enterprise code (which says nothing of a licence).
    pub enterprise: bool,
}

/// A release such as `19.3.0-ee`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 19 of `19.3.0-ee`.
    pub major: u32,
    /// 3 of `19.3.0-ee`.
    pub minor: u32,
    /// The whole text.
    pub text: String,
}

impl Version {
    /// Reads a release; `None` when it does not begin with two numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let (major, minor) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some(Self { major, minor, text: text.to_owned() })
    }

    /// Whether this release is `major.minor` or newer.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Deserialize)]
struct RawMetadata {
    version: String,
    #[serde(default)]
    enterprise: bool,
}

impl Client {
    /// The instance's release. Any valid token with `read_user` or more may ask.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn metadata(&self) -> Result<Metadata, Error> {
        let raw: RawMetadata = self.value(&METADATA.call(&[])).await?;
        let version = Version::parse(&raw.version).ok_or_else(|| Error::UnexpectedShape {
            endpoint: METADATA.label,
            detail: "the version does not begin with two numbers".to_owned(),
        })?;
        Ok(Metadata { version, enterprise: raw.enterprise })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        let version = Version::parse("17.10.2-ee").unwrap();
        assert!(version.at_least(17, 0) && version.at_least(17, 9) && version.at_least(17, 10));
        assert!(!version.at_least(17, 11) && !version.at_least(18, 0));
        assert!(Version::parse("19.3.0-pre").unwrap().at_least(19, 3));
        for text in ["", "x", "17", "v17.1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
