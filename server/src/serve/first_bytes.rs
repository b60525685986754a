//! A deadline on the first bytes of a connection, and HTTP/1 only.
//!
//! The HTTP library looks at the first bytes to tell HTTP/1 from HTTP/2 before any of its own time limits runs; a client that
//! sends none, or a few, would hold a place for ever.

use axum_server::accept::Accept;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Bytes that the library needs to tell the versions apart: the length of HTTP/2's preface (RFC 9113 section 3.4). Every
/// HTTP/1.1 request with its `Host` is longer.
const TELLING: usize = 24;
/// How HTTP/2 begins, and nothing else.
const HTTP2: &[u8] = b"PRI ";

/// Accepts as `inner` does, and gives a client `within` to send its first bytes.
#[derive(Debug, Clone)]
pub(super) struct FirstBytes<A> {
    pub(super) inner: A,
    pub(super) within: Duration,
}

impl<I, S, A> Accept<I, S> for FirstBytes<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = Awaited<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (accepted, within) = (self.inner.accept(stream, service), self.within);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((Awaited::new(stream, within), service))
        })
    }
}

/// A stream whose first bytes are waited for, for a time.
#[derive(Debug)]
pub(super) struct Awaited<T> {
    stream: T,
    /// What came so far, until enough did.
    first: Option<(Vec<u8>, Pin<Box<Sleep>>)>,
}

impl<T> Awaited<T> {
    fn new(stream: T, within: Duration) -> Self {
        Self { stream, first: Some((Vec::with_capacity(TELLING), Box::pin(tokio::time::sleep(within)))) }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Awaited<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some((first, deadline)) = &mut this.first else {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        };
        if deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        first.extend(new.iter().take(TELLING - first.len().min(TELLING)));
        if first.starts_with(HTTP2) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "HTTP/2 is not spoken here")));
        }
        if first.len() >= TELLING || new.is_empty() {
            this.first = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Awaited<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn read(said: &[u8]) -> io::Result<usize> {
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(said).await?;
        let mut server = Awaited::new(server, Duration::from_millis(20));
        let mut buffer = [0; 64];
        let mut read = 0;
        while read < TELLING {
            read += server.read(&mut buffer).await?;
        }
        // Whoever said enough may take his time.
        tokio::time::sleep(Duration::from_millis(40)).await;
        client.write_all(b"more").await?;
        Ok(read + server.read(&mut buffer).await?)
    }

    #[tokio::test]
    async fn silence_half_a_word_and_http2_are_refused() {
        assert_eq!(read(b"").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(read(b"PR").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap(), 27 + 4);
    }
}
