//! TLS with certificates made for the test.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use vouch::grpc::proto::verification_service_client::VerificationServiceClient;
use vouch::grpc::{ServeError, Server, ServerSettings, TlsSettings};

use crate::double::Double;
use crate::server::{self, keyed, settings, verify};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key of a leaf.
    fn leaf(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        (cert.pem(), key.serialize_pem())
    }
}

fn tls_settings(dir: &Path, authority: &Authority, client_ca: bool) -> ServerSettings {
    let (cert, key) = authority.leaf("localhost");
    std::fs::write(dir.join("cert.pem"), cert).unwrap();
    std::fs::write(dir.join("key.pem"), key).unwrap();
    std::fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    ServerSettings {
        tls: Some(TlsSettings {
            cert_file: dir.join("cert.pem"),
            key_file: dir.join("key.pem"),
            client_ca_file: client_ca.then(|| dir.join("ca.pem")),
        }),
        ..settings()
    }
}

async fn client(
    address: std::net::SocketAddr,
    tls: ClientTlsConfig,
) -> Result<VerificationServiceClient<Channel>, tonic::transport::Error> {
    let channel = Channel::from_shared(format!("https://{address}"))
        .unwrap()
        .tls_config(tls.domain_name("localhost"))?
        .connect()
        .await?;
    Ok(VerificationServiceClient::new(channel))
}

#[tokio::test]
async fn calls_over_tls_are_answered_and_plain_text_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let server = server::start(tls_settings(dir.path(), &authority, false)).await;
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));
    let mut over_tls = client(server.address, tls).await.unwrap();
    assert!(over_tls.verify(keyed(verify("s-1", 100))).await.is_ok());

    let uri = format!("http://{}", server.address);
    let plain = Channel::from_shared(uri).unwrap().connect_lazy();
    let mut plain = VerificationServiceClient::new(plain);
    assert!(plain.verify(keyed(verify("s-1", 100))).await.is_err());
    let stranger = Authority::new();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(stranger.pem()));
    assert!(client(server.address, tls).await.is_err());
    assert_eq!(server.app.count(|c| &c.begun), 1);
}

#[tokio::test]
async fn with_a_client_authority_a_client_needs_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let server = server::start(tls_settings(dir.path(), &authority, true)).await;
    let trust = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));
    let without = match client(server.address, trust.clone()).await {
        Err(_) => true,
        Ok(mut client) => client.verify(keyed(verify("s-1", 1))).await.is_err(),
    };
    assert!(without, "a client without a certificate was answered");
    let (cert, key) = authority.leaf("a-client");
    let with = trust.identity(Identity::from_pem(cert, key));
    let mut client = client(server.address, with).await.unwrap();
    assert!(client.verify(keyed(verify("s-1", 1))).await.is_ok());
}

#[tokio::test]
async fn beyond_loopback_tls_and_a_key_are_both_needed() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let settings = ServerSettings {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..tls_settings(dir.path(), &authority, false)
    };
    let bind = |has_key| Server::bind(settings.clone(), Arc::new(Double::default()), has_key);
    let error = bind(false).await.err().unwrap();
    assert!(matches!(error, ServeError::NeedsKey(_)), "{error}");
    assert!(bind(true).await.is_ok());
}

#[tokio::test]
async fn a_missing_or_wrong_tls_file_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let good = tls_settings(dir.path(), &authority, false);
    std::fs::remove_file(dir.path().join("key.pem")).unwrap();
    let error = Server::bind(good, Arc::new(Double::default()), true).await;
    let error = error.err().unwrap();
    assert!(error.to_string().contains("key.pem"), "{error}");
}
