//! What the server says when it is up, in plain words.

use crate::config::{Config, LogFormat};
use crate::engine::{self, Finding, Severity};
use std::io::Write as _;
use std::net::IpAddr;

/// Prints where the server is, whom it lets in, and what clients are offered. For machines, one line in the log.
pub(super) fn print(config: &Config, findings: &[Finding], access: &str) {
    let urls = urls(config);
    let workers = engine::workers(config);
    tracing::info!(urls = urls.join(" "), workers, "ready");
    if config.log.format == LogFormat::Json {
        for finding in findings {
            match finding.severity {
                Severity::Note => tracing::info!("{}", finding.text),
                Severity::Warning | Severity::Error => tracing::warn!("{}", finding.text),
            }
        }
        tracing::info!("{access}");
        return;
    }
    let mut text = format!("\nColloquy {} is ready.\n\n", env!("CARGO_PKG_VERSION"));
    for url in &urls {
        text.push_str(&format!("    {url}\n"));
    }
    text.push('\n');
    let pages_for = match (config.is_local(), config.has_tls()) {
        (true, _) => {
            "Only browsers on this machine can open it. http.listen opens it to others (colloquy --print-config).\n"
        }
        (false, true) => "",
        (false, false) => {
            "Without TLS, browsers on other machines open the page but give it no camera and no microphone: set http.tls_cert \
             and http.tls_key, or http.dev_tls, or put a proxy with TLS in front.\n"
        }
    };
    text.push_str(pages_for);
    text.push_str(&format!("{access}\n"));
    for finding in findings {
        text.push_str(&sentence(finding));
    }
    text.push_str(&format!("Media is forwarded by {workers} worker{}.\n", if workers == 1 { "" } else { "s" }));
    // Where nobody reads it, nobody misses it.
    drop(std::io::stdout().write_all(text.as_bytes()));
}

/// A finding as a line of its own.
fn sentence(finding: &Finding) -> String {
    let mut letters = finding.text.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let mark = if finding.severity == Severity::Note { "" } else { "Warning: " };
    format!("{mark}{first}{}.\n", letters.as_str().trim_end_matches('.'))
}

/// Every URL that the page is at.
fn urls(config: &Config) -> Vec<String> {
    let listen = config.http.listen.ip();
    if !listen.is_unspecified() {
        let host = if listen.is_loopback() && listen.is_ipv4() { "localhost".to_owned() } else { listen.to_string() };
        return vec![config.url(&host)];
    }
    let mut hosts = vec!["localhost".to_owned()];
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let others = interfaces.iter().filter(|interface| !interface.is_loopback() && !interface.is_link_local());
    let reachable = |address: &IpAddr| listen.is_ipv6() || address.is_ipv4();
    hosts.extend(others.map(if_addrs::Interface::ip).filter(reachable).map(|address| address.to_string()));
    hosts.iter().map(|host| config.url(host)).collect()
}
