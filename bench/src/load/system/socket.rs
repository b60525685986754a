//! WebSockets of all participants, on threads of their own: joins wait for answers, those who are in only keep theirs open.

use anyhow::{Context as _, Result, anyhow};
use futures_util::{SinkExt as _, StreamExt as _};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
pub(super) use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// How long opening one may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages on their way out of one socket; a join sends fewer than ten. Beyond, sending fails and is told.
const QUEUE: usize = 64;
/// Threads: one serves all sockets, the other is there when the first waits for a client's answer.
const THREADS: usize = 2;

/// What takes a socket's messages, and gives what is sent in reply.
pub(super) type Taker = Box<dyn FnMut(Message) -> Vec<Message> + Send>;

type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

enum Order {
    Send(Message),
    Repeat(Duration, Message),
    Close,
}

/// All sockets to one server.
pub(super) struct Sockets(Option<Runtime>);

impl Sockets {
    /// Starts their threads.
    pub(super) fn new() -> Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(THREADS).thread_name("sockets").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Opens one more; `protocol` is its `Sec-WebSocket-Protocol`.
    pub(super) fn open(&self, url: &str, protocol: Option<&'static str>, taker: Taker) -> Result<Socket> {
        let runtime = self.0.as_ref().context("the sockets' threads have ended")?;
        let mut request = url.into_client_request()?;
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        }
        let (stream, _) = runtime.block_on(async {
            // As browsers do: no message waits for the one before it to be acknowledged (TCP_NODELAY).
            let connecting = tokio_tungstenite::connect_async_with_config(request, None, true);
            let opened = timeout(PATIENCE, connecting).await;
            opened.context("no answer")?.context("no WebSocket")
        })?;
        let (orders, queue) = channel(QUEUE);
        runtime.spawn(carry(stream, queue, taker));
        Ok(Socket(orders))
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// One socket. Dropping it closes nothing: it is only not served any more, as that of somebody whose network is gone.
#[derive(Debug, Clone)]
pub(super) struct Socket(Sender<Order>);

impl Socket {
    /// Sends a message.
    pub(super) fn send(&self, message: Message) -> Result<()> {
        self.order(Order::Send(message))
    }

    /// Sends a message again and again.
    pub(super) fn repeat(&self, every: Duration, message: Message) -> Result<()> {
        self.order(Order::Repeat(every, message))
    }

    /// Closes it after what was sent.
    pub(super) fn close(&self) -> Result<()> {
        self.order(Order::Close)
    }

    fn order(&self, order: Order) -> Result<()> {
        self.0.try_send(order).map_err(|_| anyhow!("the server has closed the WebSocket, or does not read it"))
    }
}

async fn carry(mut stream: Stream, mut orders: Receiver<Order>, mut taker: Taker) {
    let mut repeated: Option<(Interval, Message)> = None;
    loop {
        let sent = tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(message)) => stream.send(message).await,
                Some(Order::Repeat(every, message)) => {
                    let mut ticks = interval(every);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                    repeated = Some((ticks, message));
                    Ok(())
                }
                Some(Order::Close) => {
                    // It may be closed already.
                    let _ = stream.close(None).await;
                    return;
                }
                None => return std::future::pending().await,
            },
            came = stream.next() => match came {
                Some(Ok(message)) => send_all(&mut stream, taker(message)).await,
                _ => return,
            },
            message = tick(&mut repeated) => stream.send(message).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn send_all(stream: &mut Stream, messages: Vec<Message>) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    for message in messages {
        stream.send(message).await?;
    }
    Ok(())
}

async fn tick(repeated: &mut Option<(Interval, Message)>) -> Message {
    let Some((ticks, message)) = repeated else { return std::future::pending().await };
    ticks.tick().await;
    message.clone()
}
