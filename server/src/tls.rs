//! TLS: certificate files, or a certificate of our own making for a LAN.

use crate::config::Config;
use anyhow::{Context as _, Result, bail};
use colloquy_media_core::driver::TurnTls;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// How long a certificate of our own making is valid: the most that Apple's systems take for one that a user trusts by hand.
const DEV_VALIDITY: Duration = Duration::from_secs(825 * 24 * 3600);

/// Clocks in a LAN may be wrong by so much.
const DEV_CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

/// A certificate and its key, fit for use.
pub(crate) struct Identity {
    certified: CertifiedKey,
    /// Where it came from, in words.
    pub(crate) origin: String,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The names and addresses that it is valid for.
    pub(crate) names: Vec<String>,
    /// Days until it expires; negative when it has.
    pub(crate) days_left: i64,
}

/// Makes aws-lc-rs the cryptography of the process. Without a word, rustls panics when two could be meant.
pub(crate) fn install_provider() {
    // It fails only when one is installed already, which then is the same: no other is compiled in.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// The certificate that the configuration asks for; `None` for plain HTTP.
pub(crate) fn identity(config: &Config) -> Result<Option<Identity>> {
    if config.http.dev_tls {
        return Identity::self_signed(&local_addresses()).map(Some);
    }
    match (&config.http.tls_cert, &config.http.tls_key) {
        (Some(cert), Some(key)) => Identity::read(cert, key).map(Some),
        _ => Ok(None),
    }
}

/// The addresses of this machine that others can name.
fn local_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|interface| !interface.is_link_local()).map(if_addrs::Interface::ip).collect()
}

impl Identity {
    /// Reads a certificate chain and its private key from PEM files.
    pub(crate) fn read(cert: &Path, key: &Path) -> Result<Self> {
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot read the certificate {}", cert.display()))?;
        if chain.is_empty() {
            bail!("{} holds no certificate (a PEM block that begins with BEGIN CERTIFICATE)", cert.display());
        }
        let secret = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("cannot read the private key {}", key.display()))?;
        let origin = cert.display().to_string();
        let files = || format!("{} and {} do not go together", cert.display(), key.display());
        Self::new(chain, secret, origin).with_context(files)
    }

    /// Makes a certificate for `localhost` and `addresses`.
    pub(crate) fn self_signed(addresses: &[IpAddr]) -> Result<Self> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        for name in addresses.iter().map(ToString::to_string) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "Colloquy, self-signed");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now();
        params.not_before = (now - DEV_CLOCK_SKEW).into();
        params.not_after = (now + DEV_VALIDITY - DEV_CLOCK_SKEW).into();
        let key = KeyPair::generate()?;
        let cert = params.self_signed(&key)?;
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self::new(vec![cert.der().clone()], secret, "made by this server, for this run (http.dev_tls)".to_owned())
    }

    fn new(chain: Vec<CertificateDer<'static>>, secret: PrivateKeyDer<'static>, origin: String) -> Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Ok(Self { certified: CertifiedKey::from_der(chain, secret, &provider)?, origin })
    }

    /// What the relay needs, when clients can be told a name that the certificate is for.
    pub(crate) fn turn(&self, config: &Config) -> Option<Result<TurnTls>> {
        let named = |facts: Facts| facts.names.into_iter().find(|name| is_public_name(name));
        let own = || Some(config.turn.host.clone()).filter(|host| !host.is_empty());
        let name = own().or_else(|| self.facts().ok().and_then(named))?;
        Some(rustls_config(self.certified.clone()).map(|config| TurnTls { config: Arc::new(config), name }))
    }

    /// What rustls needs. HTTP/1.1 only: WebSockets need it, and a page of a few files gains nothing from HTTP/2.
    pub(crate) fn server_config(self) -> Result<Arc<ServerConfig>> {
        let mut config = rustls_config(self.certified)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// What the certificate says of itself.
    pub(crate) fn facts(&self) -> Result<Facts> {
        let der = self.certified.end_entity_cert()?;
        let (_, cert) = X509Certificate::from_der(der)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let seconds_left = cert.validity().not_after.timestamp() - i64::try_from(now.as_secs())?;
        let alternatives = cert.subject_alternative_name()?;
        let names =
            alternatives.iter().flat_map(|extension| &extension.value.general_names).filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(octets) => address(octets),
                _ => None,
            });
        Ok(Facts { names: names.collect(), days_left: seconds_left.div_euclid(24 * 3600) })
    }
}

fn rustls_config(certified: CertifiedKey) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver))
}

/// A name that clients elsewhere can be sent to: no address, no wildcard, not `localhost`.
fn is_public_name(name: &str) -> bool {
    name != "localhost" && !name.contains('*') && name.parse::<IpAddr>().is_err()
}

fn address(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok().map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::Identity;
    use crate::config::Config;

    #[test]
    fn a_certificate_of_our_own_names_every_address_once_and_lasts() {
        let identity = Identity::self_signed(&["127.0.0.1".parse().unwrap(), "192.0.2.7".parse().unwrap()]).unwrap();
        let facts = identity.facts().unwrap();
        assert_eq!(facts.names, ["localhost", "127.0.0.1", "::1", "192.0.2.7"]);
        assert!((820..825).contains(&facts.days_left), "{}", facts.days_left);
        assert!(identity.server_config().is_ok());
    }

    #[test]
    fn the_relay_is_told_a_name_that_leads_here() {
        let names = ["localhost", "127.0.0.1", "::1", "*.example.org", "turn.example.org"];
        assert_eq!(names.map(super::is_public_name), [false, false, false, false, true]);
        let identity = Identity::self_signed(&[]).unwrap();
        assert!(identity.turn(&Config::reference()).is_none());
        let mut config = Config::reference();
        config.turn.host = "turn.example.org".to_owned();
        assert_eq!(identity.turn(&config).unwrap().unwrap().name, "turn.example.org");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Identity::read("no/such.pem".as_ref(), "no/key.pem".as_ref()).err().unwrap();
        assert!(format!("{error:#}").contains("no/such.pem"));
    }
}
