//! Accepted connections: a limited number, each with its own limit on calls, and none for ever without a request.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

/// Pause after a connection could not be accepted for want of something, such as file descriptors: until somebody
/// gives it back every attempt fails at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection may take that has made no request yet. Afterwards HTTP/2 pings find out who is gone, and the
/// timers of calls who stalls.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without a byte. Whoever speaks HTTP/2 answers pings meanwhile, who never begins it says nothing.
    pub silent: Duration,
    /// Until its first request, whatever comes.
    pub first_request: Duration,
}

/// Known of the connection of a request, in its extensions.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Places for calls on this connection.
    pub calls: Arc<Semaphore>,
    asked: Arc<AtomicBool>,
}

impl ConnectionInfo {
    /// A request came.
    pub fn asks(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }
}

/// The stream of accepted connections. One over the limit is closed at once.
pub struct Incoming {
    listener: TcpListener,
    places: Arc<Semaphore>,
    calls_per_connection: usize,
    patience: Patience,
    /// Nothing is accepted before.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Incoming {
    /// At most `connections` at a time, `calls_per_connection` running calls on each.
    pub fn new(
        listener: TcpListener,
        connections: usize,
        calls_per_connection: usize,
        patience: Patience,
    ) -> Self {
        let places = Arc::new(Semaphore::new(connections));
        Self { listener, places, calls_per_connection, patience, pause: None }
    }
}

/// The connection that was to be accepted is gone; the next one may be accepted at once.
fn only_that_one(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
    let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, TimedOut];
    kinds.contains(&error.kind())
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let stream = match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, _)) => stream,
                Err(error) if only_that_one(&error) => continue,
                Err(error) => {
                    tracing::warn!(target: "vouch::grpc", %error, "no connection can be accepted");
                    self.pause = Some(Box::pin(sleep(ACCEPT_PAUSE)));
                    continue;
                }
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
            let waiting = Some(Waiting::new(self.patience));
            let asked = Arc::default();
            return Poll::Ready(Some(Ok(Connection {
                stream,
                calls,
                asked,
                waiting,
                _place: place,
            })));
        }
    }
}

/// The wait for the first request of a connection.
#[derive(Debug)]
struct Waiting {
    patience: Patience,
    until: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Waiting {
    fn new(patience: Patience) -> Self {
        let now = Instant::now();
        let until = now + patience.first_request;
        let alarm = Box::pin(sleep_until(until.min(now + patience.silent)));
        Self { patience, until, alarm }
    }

    /// Something came.
    fn heard(&mut self) {
        let at = self.until.min(Instant::now() + self.patience.silent);
        self.alarm.as_mut().reset(at);
    }
}

/// One accepted connection; gives its place back when dropped.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    calls: Arc<Semaphore>,
    asked: Arc<AtomicBool>,
    /// Until the first request.
    waiting: Option<Waiting>,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        ConnectionInfo { calls: Arc::clone(&self.calls), asked: Arc::clone(&self.asked) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.asked.load(Ordering::Relaxed) {
            self.waiting = None;
        }
        let Some(waiting) = &mut self.waiting else {
            return read;
        };
        if read.is_ready() {
            waiting.heard();
            return read;
        }
        // Ends the connection, whatever layer reads it.
        waiting.alarm.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_stream::StreamExt as _;

    use super::*;

    const PATIENCE: Patience = Patience {
        silent: Duration::from_millis(300),
        first_request: Duration::from_millis(2_000),
    };

    /// A connection and its client.
    async fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut incoming = Incoming::new(listener, 1, 1, PATIENCE);
        let client = TcpStream::connect(address);
        let (accepted, client) = tokio::join!(incoming.next(), client);
        (accepted.unwrap().unwrap(), client.unwrap())
    }

    /// Reads until nothing comes any more; whether the connection was given up.
    async fn given_up(connection: &mut Connection) -> bool {
        let mut byte = [0];
        loop {
            match connection.read(&mut byte).await {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::TimedOut,
            }
        }
    }

    /// Sends a byte now and then for 3 s, then closes.
    async fn drip(mut client: TcpStream) {
        for _ in 0..30 {
            client.write_all(b"P").await.ok();
            sleep(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test]
    async fn who_says_nothing_or_asks_for_nothing_is_given_up() {
        let (mut silent, _client) = pair().await;
        let begun = Instant::now();
        assert!(given_up(&mut silent).await);
        assert!(begun.elapsed() < PATIENCE.first_request, "{:?}", begun.elapsed());
        let (mut slow, client) = pair().await;
        assert!(tokio::join!(given_up(&mut slow), drip(client)).0);
    }

    #[tokio::test]
    async fn who_asked_is_not_waited_for_any_more() {
        let (mut connection, client) = pair().await;
        connection.connect_info().asks();
        assert!(!tokio::join!(given_up(&mut connection), drip(client)).0);
    }

    #[test]
    fn only_want_of_something_pauses() {
        assert!(only_that_one(&io::ErrorKind::ConnectionAborted.into()));
        let too_many_open_files = io::Error::from_raw_os_error(24);
        assert!(!only_that_one(&too_many_open_files));
    }
}
