//! Listens on one port per origin. The accept loops are written by hand, because a portal must be
//! able to hang up in the middle of a request (docs/decisions/0012-portal-accept-loop.md).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::HangUp;
use crate::clock::Clock;
use crate::config::Config;
use crate::portal::Origin;
use crate::world::Portals;
use crate::{control, sites};

/// Offset of the control port from the port base.
const CONTROL_OFFSET: u16 = 9;

/// Longer than a browser keeps an idle connection (Firefox: 115 s), so that no request meets a
/// connection that is being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(600);

/// Listening portals. They run until `stop` is called or the process ends, even if this value is
/// dropped.
pub struct Running {
    /// The portals.
    pub portals: Arc<Portals>,
    /// Address of the control port.
    pub control: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Closes all ports and connections.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Starts the portals and their control port. `echo` writes the journal to standard output too.
///
/// # Errors
/// The configuration is wrong, or a port is not available.
pub async fn start(config: Config, clock: Clock, echo: bool) -> Result<Running> {
    let mut origins = config.origins.clone();
    let mut listeners = Vec::new();
    for origin in Origin::ALL {
        let listener = listen(&config, origin.offset()).await?;
        let port = listener.local_addr()?.port();
        origins.entry(origin).or_insert_with(|| format!("http://{}:{port}", config.public_host));
        listeners.push((origin, listener));
    }
    let control = listen(&config, CONTROL_OFFSET).await?;
    let control_address = control.local_addr()?;
    let origins: BTreeMap<_, _> = origins
        .into_iter()
        .map(|(origin, url)| (origin, url.trim_end_matches('/').to_owned()))
        .collect();
    let portals = Arc::new(Portals::new(config, origins, clock, echo)?);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    for (origin, listener) in listeners {
        let router = sites::router(origin, Arc::clone(&portals));
        tasks.spawn(accept(listener, router, stop.clone(), tasks.clone()));
    }
    tasks.spawn(accept(
        control,
        control::router(Arc::clone(&portals)),
        stop.clone(),
        tasks.clone(),
    ));
    tasks.spawn(sweep(Arc::clone(&portals), stop.clone()));
    Ok(Running { portals, control: control_address, stop, tasks })
}

async fn listen(config: &Config, offset: u16) -> Result<TcpListener> {
    let port = if config.port_base == 0 { 0 } else { config.port_base + offset };
    let address = SocketAddr::new(config.bind, port);
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Ends expired sessions on time when there are no requests: locking the state ends them.
async fn sweep(portals: Arc<Portals>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        drop(portals.state());
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tasks.spawn(async move { stop.run_until_cancelled(serve(stream, router)).await });
            }
            Err(error) => {
                // Most likely there are no file descriptors left. Waiting lets connections end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move {
            let answer: Result<Response<Body>, Infallible> =
                router.oneshot(request.map(Body::new)).await;
            let Ok(response) = answer;
            // An error of the service makes hyper close the connection without sending anything.
            let hang_up = response.extensions().get::<HangUp>().is_some();
            if hang_up {
                Err(io::Error::from(io::ErrorKind::ConnectionAborted))
            } else {
                Ok(response)
            }
        }
    });
    // An error here means that the browser closed the connection or the portal hung up. There is
    // nothing to report.
    let _ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(KEEP_ALIVE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
