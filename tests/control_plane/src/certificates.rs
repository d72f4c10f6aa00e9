//! Keys and certificates of one control plane, made on the spot.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// A certificate with its private key, both as PEM.
pub(crate) struct KeyAndCertificate {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

/// Everything that the servers and the administrator need.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    pub(crate) ca_der: Vec<u8>,
    /// For 127.0.0.1 and localhost.
    pub(crate) serving: KeyAndCertificate,
    /// User `admin` in the group `system:masters`.
    pub(crate) admin: KeyAndCertificate,
    /// The controller manager's own user, so that the audit log tells its writes from the administrator's.
    pub(crate) controller_manager: KeyAndCertificate,
    /// Signs the tokens of service accounts.
    pub(crate) service_account_key_pem: String,
    /// Verifies the tokens of service accounts.
    pub(crate) service_account_public_key_pem: String,
}

impl Certificates {
    /// Makes new ones: a CA, and what it signs.
    pub(crate) fn generate() -> Result<Self, rcgen::Error> {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "control-plane-ca");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate()?;
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);
        let service_account_key = KeyPair::generate()?;
        Ok(Self {
            ca_pem: ca_certificate.pem(),
            ca_der: ca_certificate.der().to_vec(),
            serving: serving_certificate(&issuer)?,
            admin: client_certificate(&issuer, "admin")?,
            controller_manager: client_certificate(&issuer, "system:kube-controller-manager")?,
            service_account_key_pem: service_account_key.serialize_pem(),
            service_account_public_key_pem: service_account_key.public_key_pem(),
        })
    }
}

fn serving_certificate(issuer: &Issuer<'_, KeyPair>) -> Result<KeyAndCertificate, rcgen::Error> {
    let mut certificate = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    certificate.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    sign(certificate, ExtendedKeyUsagePurpose::ServerAuth, issuer)
}

/// A certificate that authenticates `user` as a member of `system:masters`, whom RBAC allows everything.
fn client_certificate(issuer: &Issuer<'_, KeyPair>, user: &str) -> Result<KeyAndCertificate, rcgen::Error> {
    let mut certificate = CertificateParams::default();
    certificate.distinguished_name.push(DnType::CommonName, user);
    certificate.distinguished_name.push(DnType::OrganizationName, "system:masters");
    sign(certificate, ExtendedKeyUsagePurpose::ClientAuth, issuer)
}

fn sign(
    mut certificate: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<KeyAndCertificate, rcgen::Error> {
    certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    certificate.extended_key_usages = vec![usage];
    let key = KeyPair::generate()?;
    Ok(KeyAndCertificate { certificate_pem: certificate.signed_by(&key, issuer)?.pem(), key_pem: key.serialize_pem() })
}
