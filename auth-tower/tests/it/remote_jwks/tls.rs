//! Whom a fetch over https believes.

use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// A private certification authority.
pub(crate) struct Ca {
    issuer: rcgen::Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: pem(certificate.der()), issuer: rcgen::Issuer::new(params, key) }
    }

    /// For a server that calls itself so.
    pub(crate) fn acceptor(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn pem(der: &CertificateDer<'_>) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

fn keys(issuer: &Issuer, host: &str, roots: &[&Ca]) -> RemoteJwks {
    let url = format!("https://{host}:{}/jwks", issuer.port());
    let builder = RemoteJwks::builder(&url, "auth", "auth");
    roots.iter().fold(builder, |builder, ca| builder.root_certificate(ca.pem.clone())).build().unwrap()
}

/// The public key of RFC 8037, appendix A.2.
fn set() -> Reply {
    Reply::text(
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    )
}

#[tokio::test]
async fn the_certificate_must_be_of_a_trusted_authority_and_for_this_host() {
    let (ca, other) = (Ca::new("ours"), Ca::new("another"));
    let issuer = Issuer::tls(set(), ca.acceptor("localhost", |_| {})).await;
    keys(&issuer, "localhost", &[&ca]).load().await.unwrap();
    keys(&issuer, "localhost", &[&other, &ca]).load().await.unwrap();
    assert_eq!(issuer.fetches(), 2);
    for (host, roots, reason) in [
        ("127.0.0.1", &[&ca][..], "NotValidForName"),
        ("localhost", &[&other], "UnknownIssuer"),
        // Those that are compiled in.
        ("localhost", &[], "UnknownIssuer"),
    ] {
        let error = keys(&issuer, host, roots).load().await.unwrap_err().to_string();
        let shown = error.contains("is not reached: ") && error.contains(reason);
        assert!(shown || reason == "NotValidForName" && error.contains("not valid for name"), "{error}");
    }
    assert_eq!(issuer.fetches(), 2, "nobody else was even asked");
}

#[tokio::test]
async fn a_certificate_that_is_over_is_refused() {
    let ca = Ca::new("ours");
    let acceptor = ca.acceptor("localhost", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let issuer = Issuer::tls(set(), acceptor).await;
    let error = keys(&issuer, "localhost", &[&ca]).load().await.unwrap_err().to_string();
    assert!(error.contains("expired"), "{error}");
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn an_issuer_that_speaks_no_tls_is_not_spoken_to() {
    let issuer = Issuer::new(set()).await;
    let error = keys(&issuer, "localhost", &[&Ca::new("ours")]).load().await.unwrap_err().to_string();
    assert!(error.contains("is not reached: "), "{error}");
    assert_eq!(issuer.fetches(), 0);
}
