//! A certificate for development, which no authority has signed.

use rcgen::{CertificateParams, DnType, KeyPair};
use x509_parser::prelude::ASN1Time;

/// A certificate for these names, good from yesterday on for so many days, in PEM, and its key in
/// PKCS #8.
///
/// # Errors
/// A sentence that says which name no certificate can have.
pub fn self_signed(names: Vec<String>, days: i64) -> Result<(Vec<u8>, Vec<u8>), String> {
    let text = |error: rcgen::Error| error.to_string();
    let common = names.first().cloned().unwrap_or_default();
    let mut params = CertificateParams::new(names).map_err(text)?;
    params.distinguished_name.push(DnType::CommonName, common);
    let now = ASN1Time::now().to_datetime();
    params.not_before = now - std::time::Duration::from_secs(24 * 3600);
    params.not_after = params.not_before
        + std::time::Duration::from_secs(days.unsigned_abs().saturating_mul(24 * 3600));
    let key = KeyPair::generate().map_err(text)?;
    let certificate = params.self_signed(&key).map_err(text)?;
    Ok((certificate.pem().into_bytes(), key.serialize_der()))
}
