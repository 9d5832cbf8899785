//! Proof that the browser sends a request once.
//!
//! Firefox repeats a request, also a POST, when the connection breaks before an answer: one click becomes two cancellations. The
//! preference `network.http.request.max-attempts = 1` stops it, but a preference cannot be read back without opening the browser's
//! own scripts to the driver. So it is tried: a server on loopback reads a POST and hangs up.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    DriverError, DriverErrorKind, RepeatGuard,
    session::{MARGIN, Raw, Session},
};

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<title>check</title>\n";
/// Asks for the page once more, so that the POST rides on a connection that has been used: only there Firefox repeats.
const TRY: &str = "const done = arguments[0];
fetch('/again').then((page) => page.text()).then(() => fetch('/once', { method: 'POST', body: 'x' })).then(() => done('answered'), () => done('broken'));";
/// How long a repetition is waited for. It comes at once, if it comes.
const SETTLE: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(5);

impl Session {
    pub(super) async fn try_repeat_guard(&mut self) -> Result<RepeatGuard, DriverError> {
        let listener = match TcpListener::bind(("127.0.0.1", 0)).await {
            Ok(listener) => listener,
            Err(error) => {
                return Ok(RepeatGuard::Unproven(format!("no port on loopback: {error}")));
            }
        };
        let Ok(address) = listener.local_addr() else {
            return Ok(RepeatGuard::Unproven("no port on loopback".into()));
        };
        let (done, over) = tokio::sync::oneshot::channel::<()>();
        let count = async {
            let posts = std::sync::atomic::AtomicUsize::new(0);
            let serve = async {
                let mut connections = tokio::task::JoinSet::new();
                loop {
                    tokio::select! {
                        Ok((stream, _)) = listener.accept() => { connections.spawn(connection(stream)); }
                        Some(Ok(seen)) = connections.join_next() => { posts.fetch_add(seen, std::sync::atomic::Ordering::Relaxed); }
                    }
                }
            };
            let end = async {
                _ = over.await;
                tokio::time::sleep(SETTLE).await;
            };
            tokio::select! { () = serve => {}, () = end => {} }
            posts.into_inner()
        };
        let drive = async {
            let tried = async {
                self.navigate(&format!("http://{address}/"), LIMIT).await?;
                self.command(
                    LIMIT + MARGIN,
                    Raw::post("execute/async", json!({"script": TRY, "args": []})),
                )
                .await
            };
            let tried = timeout(LIMIT, tried).await;
            _ = done.send(());
            tried
        };
        let (posts, tried) = tokio::join!(count, drive);
        match (posts, tried) {
            (1, Ok(Ok(_))) => Ok(RepeatGuard::SentOnce),
            (2.., _) => Err(DriverError::new(
                DriverErrorKind::Other,
                &format!(
                    "the browser sent one request {posts} times: network.http.request.max-attempts is not 1, so nothing it does is safe"
                ),
            )),
            (_, Ok(Ok(answer))) => {
                Ok(RepeatGuard::Unproven(format!("the browser's request did not come: {answer}")))
            }
            (_, Ok(Err(error))) if error.kind == DriverErrorKind::Crashed => Err(error),
            (_, Ok(Err(error))) => Ok(RepeatGuard::Unproven(format!(
                "the browser cannot reach this machine's loopback: {error}"
            ))),
            (_, Err(_)) => Ok(RepeatGuard::Unproven(
                "the browser did not reach this machine's loopback in time".into(),
            )),
        }
    }
}

/// Serves one connection and counts its POSTs: gives every GET the page, and hangs up on a POST that has come whole.
async fn connection(mut stream: TcpStream) -> usize {
    let mut received = Vec::new();
    loop {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(n) if n > 0 => received.extend_from_slice(&part[..n]),
            _ => return 0,
        }
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        if received.starts_with(b"GET ") {
            if stream.write_all(PAGE).await.is_err() {
                return 0;
            }
            received.clear();
        } else if received.len() > end + 4 {
            return 1;
        }
    }
}
