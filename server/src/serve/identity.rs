//! The identity provider in the server: started, kept going, and asked who is in a call.

use crate::config::Config;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use colloquy_hyperty_adapter::identity::assertion::SdpIdentity;
use colloquy_hyperty_adapter::identity::external::HttpFetch;
use colloquy_hyperty_adapter::identity::http::{self, ClientAddress};
use colloquy_hyperty_adapter::identity::trust::{Colour, trust};
use colloquy_hyperty_adapter::identity::{Parts, Provider, mail};
use colloquy_signalling::http::client_address;
use colloquy_signalling::{Finding, IdentityPort, IdentityView, Proof, Signalling, TrustColour};
use colloquy_storage::{Database, Place};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// What proofs of who is in a call are worth, by the provider's own rules.
struct Vouching {
    provider: Arc<Provider>,
    clock: http::Clock,
}

impl IdentityPort for Vouching {
    fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    fn check(&self, proof: &Proof<'_>) -> Option<Finding> {
        let now_s = (self.clock)();
        // Whoever says nothing is not told that his fingerprint cannot be read.
        if proof.claim.is_none() && !proof.sdp.contains("a=identity:") {
            return None;
        }
        let found = self.provider.with_verifier(|verifier| match proof.claim {
            Some(claim) => SdpIdentity::parse(proof.sdp)
                .and_then(|sdp| verifier.verify_claim(claim, &sdp.fingerprints, proof.nonce, now_s))
                .map(Some),
            None => verifier.verify_sdp(proof.sdp, now_s),
        });
        let found = found.transpose()?;
        let trust = trust(Some(&found));
        let claims = found.as_ref().ok().map(|verified| &verified.claims);
        let view = IdentityView {
            colour: match trust.colour {
                Colour::Green => TrustColour::Green,
                Colour::Yellow => TrustColour::Yellow,
                Colour::Red => TrustColour::Red,
            },
            reason: trust.reason,
            identity: claims.map(|claims| claims.identity.clone()),
            acting_as: claims.map(|claims| claims.persona.badge()),
        };
        Some(Finding { view, refuses: trust.refuse_call })
    }
}

/// How often keys take turns, other issuers are asked for theirs, and what has ended is forgotten.
const TICK: Duration = Duration::from_secs(60);

/// The identity provider, while it runs.
pub(super) struct Identity {
    provider: Arc<Provider>,
    clock: http::Clock,
    /// Its own; that of the registries, where both are one file, is closed by those.
    database: Option<Database>,
    ticking: JoinHandle<()>,
}

impl Identity {
    /// Starts it, if the configuration has one. `shared` is the file of the registries.
    ///
    /// # Errors
    /// When its configuration is wrong, or its database cannot be opened.
    pub(super) async fn start(
        config: &Config,
        signalling: &Signalling,
        shared: Option<&Database>,
    ) -> Result<Option<Self>> {
        let Some(settings) = config.identity() else { return Ok(None) };
        let place = config.identity.place();
        tracing::info!(issuer = settings.issuer, accounts = %place, "an identity provider is served");
        if place == Place::Memory && !config.is_local() {
            tracing::warn!(
                "accounts and signing keys are kept in memory, and lost when the server ends: identity.database names a file"
            );
        }
        let same = shared.filter(|_| place != Place::Memory && place == config.rethink.place());
        let (database, own) = match same {
            Some(database) => (database.clone(), None),
            None => {
                let database = Database::open(place).await.context("the database of [identity]")?;
                (database.clone(), Some(database))
            }
        };
        let parts =
            Parts { database, mailer: mail::mailer(&settings.mail)?.into(), fetch: Arc::new(HttpFetch::default()) };
        let clock = http::system_clock();
        let provider = Arc::new(Provider::start(settings, parts, clock()).await?);
        signalling.identify_by(Arc::new(Vouching { provider: provider.clone(), clock: clock.clone() }));
        let ticking = tokio::spawn(tick(provider.clone(), clock.clone()));
        Ok(Some(Self { provider, clock, database: own, ticking }))
    }

    /// Whom to ask who somebody is.
    pub(super) fn provider(&self) -> Arc<Provider> {
        self.provider.clone()
    }

    /// The paths that it is at.
    pub(super) fn routes(&self) -> Router {
        http::router(self.provider.clone(), self.clock.clone()).layer(from_fn(with_address))
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        self.ticking.abort();
        if let Some(database) = self.database {
            database.close().await;
        }
    }
}

async fn tick(provider: Arc<Provider>, clock: http::Clock) {
    let mut minutes = tokio::time::interval(TICK);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        minutes.tick().await;
        if let Err(error) = provider.tick(clock()).await {
            tracing::error!(%error, "the identity provider could not tidy up");
        }
    }
}

/// Whom a proxy on this machine names counts, as for the rest of the server: sign-ins are limited by address.
async fn with_address(ConnectInfo(from): ConnectInfo<SocketAddr>, mut request: Request, next: Next) -> Response {
    let address = client_address(from, request.headers());
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}
