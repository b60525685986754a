//! The identity provider alone, over plain HTTP on loopback, for trying clients against it: mails are written to the terminal, nothing is kept.
//!
//! `cargo run -p colloquy-hyperty-adapter --example identity -- 8090 '{"clients": [..]}'`

use colloquy_hyperty_adapter::identity::external::HttpFetch;
use colloquy_hyperty_adapter::identity::http::{router, system_clock};
use colloquy_hyperty_adapter::identity::mail::{Letter, MailFault, Mailer};
use colloquy_hyperty_adapter::identity::{Config, Parts, Provider};
use colloquy_storage::{Database, Place};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Mails, to whoever looks.
struct Terminal;

impl Mailer for Terminal {
    fn send(&self, letter: &Letter) -> Result<(), MailFault> {
        println!("To: {}\nSubject: {}\n\n{}", letter.to, letter.subject, letter.text);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let port: u16 = words.next().map_or(Ok(8090), |port| port.parse())?;
    let mut config: Config = serde_json::from_str(words.next().as_deref().unwrap_or("{}"))?;
    config.issuer = format!("http://localhost:{port}");
    let clock = system_clock();
    let parts = Parts {
        database: Database::open(Place::Memory).await?,
        mailer: Arc::new(Terminal),
        fetch: Arc::new(HttpFetch::default()),
    };
    let provider = Arc::new(Provider::start(config, parts, clock()).await?);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("{}/identity/login", provider.issuer());
    let (ticking, time) = (provider.clone(), clock.clone());
    tokio::spawn(async move {
        loop {
            if let Err(error) = ticking.tick(time()).await {
                println!("{error}");
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    });
    let service = router(provider, clock).into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).await?)
}
