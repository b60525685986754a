//! The domain registry and the global registry alone, on a port: `cargo run -p colloquy-hyperty-adapter --example registry -- 127.0.0.1:4567 [FILE]`. For the black-box
//! suites of others, which ask for nothing but its address.

use axum::serve;
use colloquy_hyperty_adapter::clock::Clock;
use colloquy_hyperty_adapter::global::{self, GlobalRegistry};
use colloquy_hyperty_adapter::registry::rest::{self, Writers};
use colloquy_hyperty_adapter::registry::{Registry, Settings};
use colloquy_storage::{Database, Place};
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().ok_or("say where to listen, for example 127.0.0.1:4567")?;
    let place = arguments.next().map_or(Place::Memory, |file| Place::File(file.into()));
    let database = Database::open(place).await?;
    let registry = Arc::new(Registry::open(Arc::new(database.clone()), Settings::default()).await?);
    let global = Arc::new(GlobalRegistry::new(Arc::new(database), global::Settings::default()));
    let paths = rest::standalone(registry, Clock::system(), Writers::Anyone)
        .merge(global::rest::router(global, Clock::system()));
    let listener = TcpListener::bind(&listen).await?;
    println!("the registry listens on http://{}", listener.local_addr()?);
    serve(listener, paths).await?;
    Ok(())
}
