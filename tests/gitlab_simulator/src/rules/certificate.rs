//! The CA certificate of a cluster.

use x509_parser::pem::parse_x509_pem;

/// The longest text of a certificate.
pub const LONGEST: usize = 65_535;

/// Does the text begin with an X.509 certificate in PEM form (`app/validators/certificate_validator.rb`)?
pub fn is_valid(text: &str) -> bool {
    match parse_x509_pem(text.as_bytes()) {
        Ok((_, pem)) => pem.label == "CERTIFICATE" && pem.parse_x509().is_ok(),
        Err(_) => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A self-signed certificate made for these tests.
    pub const CERTIFICATE: &str = include_str!("../../tests/data/ca.pem");

    #[test]
    fn a_certificate_is_accepted() {
        assert!(is_valid(CERTIFICATE));
        assert!(is_valid(CERTIFICATE.trim()));
    }

    #[test]
    fn what_only_looks_like_one_is_refused() {
        for text in ["", "text", "-----BEGIN CERTIFICATE-----\nMIIBtestonly\n-----END CERTIFICATE-----\n"] {
            assert!(!is_valid(text), "{text}");
        }
        assert!(!is_valid(&CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY")));
        assert!(!is_valid(&CERTIFICATE[..CERTIFICATE.len() / 2]));
    }
}
