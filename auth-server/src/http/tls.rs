//! TLS: the certificate and its key, from PEM to what a handshake needs.

use std::{sync::Arc, time::Duration};

use auth_core::Finding;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    version::{TLS12, TLS13},
};

/// A certificate that ends so soon should have been renewed: who automates it does so a month before.
const SOON: Duration = Duration::from_hours(14 * 24);

const DAY: u64 = 24 * 60 * 60;

const RENEW: &str = "renew it, and send SIGHUP";

/// The certificate and those between it and an authority, in the order of the file.
///
/// # Errors
/// A problem in words that continues the name of the setting.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = read.map_err(|_| "names a file that is damaged: it is no whole PEM".to_owned())?;
    if chain.is_empty() {
        let problem = "names a file with no certificate in it; it begins with -----BEGIN CERTIFICATE-----";
        return Err(problem.to_owned());
    }
    Ok(chain)
}

/// # Errors
/// A problem in words that continues the name of the setting.
pub(crate) fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    if pem.contains("ENCRYPTED") {
        let problem = "names a key that is encrypted; take the passphrase off: openssl pkey -in OLD -out NEW";
        return Err(problem.to_owned());
    }
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        "names a file with no private key in it; it begins with -----BEGIN PRIVATE KEY-----".to_owned()
    })
}

/// What handshakes are made with: TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1, no certificates of clients.
///
/// # Errors
/// A problem in words with the key, which continues the name of its setting.
pub(crate) fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, String> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            "names a key that does not belong to the certificate of TLS_CERT_FILE; the file of that begins with the \
             certificate of this server, and others follow"
                .to_owned()
        }
        error => format!("names a key that cannot be used with the certificate of TLS_CERT_FILE: {error}"),
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // The strongest cipher of those that both know, and not the one that the client names first (ASVS 12.1.2).
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}

/// What is to be said about the end of a certificate, if it is over or near.
pub(crate) fn expiry_finding(certificate: &CertificateDer<'_>, now: Duration) -> Option<Finding> {
    let end = not_after(certificate)?;
    let left = end.checked_sub(now).unwrap_or_default();
    if left.is_zero() {
        let days = now.saturating_sub(end).as_secs() / DAY;
        let problem =
            format!("the certificate of TLS_CERT_FILE has been over for {days} days: clients refuse it");
        return Some(Finding::error("certificate_over", problem, RENEW));
    }
    (left <= SOON).then(|| {
        let problem = format!("the certificate of TLS_CERT_FILE ends in {} days", left.as_secs() / DAY);
        Finding::warning("certificate_ends_soon", problem, RENEW)
    })
}

/// The end of a certificate, since the epoch: what the verifier complains of when it is asked about a time far ahead. So no
/// second parser of certificates is needed; where the verifier complains of something else first there is no answer.
fn not_after(certificate: &CertificateDer<'_>) -> Option<Duration> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()?;
    let far_ahead = UnixTime::since_unix_epoch(Duration::from_secs(u64::from(u32::MAX) * 64));
    let any_name = ServerName::try_from("localhost").ok()?;
    match verifier.verify_server_cert(certificate, &[], &any_name, &[], far_ahead) {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(Duration::from_secs(not_after.as_secs()))
        }
        _ => None,
    }
}

/// Named here and never the default of the process: another library may have set that one.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// To ask the server on this machine with. Its certificate is for the names that others call it by, and may have been renewed
/// since it was read; nothing is told to it that anybody else may not know.
///
/// # Errors
/// None that is known.
pub(crate) fn client_of_ourselves() -> Result<Arc<ClientConfig>, rustls::Error> {
    let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13, &TLS12])?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())));
    Ok(Arc::new(config.with_no_client_auth()))
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(not_after: (i32, u8, u8)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, not_after.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_that_is_over_or_ends_soon_is_warned_of_and_another_is_not() {
        // 1 January 2030.
        let now = Duration::from_hours(24 * 21_915);
        let warning =
            |not_after| expiry_finding(&certificate(not_after), now).map(|finding| finding.to_string());
        assert!(warning((2029, 12, 22)).unwrap().contains("has been over for 10 days"));
        assert!(warning((2030, 1, 1)).unwrap().contains("has been over for 0 days"));
        assert!(warning((2030, 1, 15)).unwrap().contains("ends in 14 days"));
        assert_eq!(warning((2030, 1, 16)), None);
        assert_eq!(warning((4096, 1, 1)), None);
    }
}
