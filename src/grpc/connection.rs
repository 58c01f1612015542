//! Accepted connections: a limited number, each with its own limit on calls.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

/// Known of the connection of a request, in its extensions.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Places for calls on this connection.
    pub calls: Arc<Semaphore>,
}

/// The stream of accepted connections. One over the limit is closed at once.
pub struct Incoming {
    listener: TcpListener,
    places: Arc<Semaphore>,
    calls_per_connection: usize,
}

impl Incoming {
    /// At most `connections` at a time, `calls_per_connection` running calls on each.
    pub fn new(listener: TcpListener, connections: usize, calls_per_connection: usize) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(connections)), calls_per_connection }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let stream = match std::task::ready!(self.listener.poll_accept(cx)) {
                Ok((stream, _)) => stream,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                tracing::warn!(target: "vouch::grpc", "too many connections, one was closed");
                continue;
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(target: "vouch::grpc", %error, "a connection closed at once");
                continue;
            }
            let calls = Arc::new(Semaphore::new(self.calls_per_connection));
            return Poll::Ready(Some(Ok(Connection { stream, calls, _place: place })));
        }
    }
}

/// One accepted connection; gives its place back when dropped.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    calls: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        ConnectionInfo { calls: Arc::clone(&self.calls) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
