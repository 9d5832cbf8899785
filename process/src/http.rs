//! Serves `/livez`, `/readyz` and `/metrics`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::liveness::Liveness;

/// Whether the program can do its work now. All clones share the same value.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets whether the program is ready.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }
}

/// What the endpoints report.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `/readyz`.
    pub ready: Readiness,
    /// `/livez`.
    pub live: Liveness,
    /// `/metrics`.
    pub registry: Arc<Registry>,
}

/// Serves the endpoints until `stop` is cancelled.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    endpoints: Endpoints,
    stop: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router(endpoints)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(endpoints: Endpoints) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(endpoints)
}

async fn livez(State(endpoints): State<Endpoints>) -> (StatusCode, String) {
    match endpoints.live.stuck(Instant::now()) {
        None => (StatusCode::OK, "ok".to_owned()),
        Some(stuck) => {
            let text =
                format!("task {} has made no progress for {} s", stuck.task, stuck.since.as_secs());
            // The kubelet restarts the container without recording this text, so the log has to contain it.
            tracing::error!(task = stuck.task, seconds = stuck.since.as_secs(), "a task is stuck");
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

async fn readyz(State(endpoints): State<Endpoints>) -> (StatusCode, &'static str) {
    if endpoints.ready.0.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

async fn metrics(State(endpoints): State<Endpoints>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &endpoints.registry) {
        Ok(()) => (
            StatusCode::OK,
            [(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            text,
        ),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(CONTENT_TYPE, "text/plain; charset=utf-8")],
            error.to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::Body, http::Request};
    use tower::ServiceExt as _;

    use super::*;

    async fn answer(endpoints: &Endpoints, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = router(endpoints.clone()).oneshot(request).await.expect("an answer");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 100_000).await.expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn liveness_fails_while_a_task_is_stuck_and_names_it() {
        let endpoints = Endpoints {
            ready: Readiness::default(),
            live: Liveness::default(),
            registry: Arc::default(),
        };
        let waiting = endpoints.live.working("batch", Duration::from_secs(600));
        assert_eq!(answer(&endpoints, "/livez").await, (StatusCode::OK, "ok".to_owned()));
        let stuck = endpoints.live.working("plan", Duration::ZERO);
        let (status, text) = answer(&endpoints, "/livez").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.starts_with("task plan has made no progress for"), "{text}");
        drop((stuck, waiting));
        assert_eq!(answer(&endpoints, "/livez").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn readiness_is_what_was_set_last() {
        let endpoints = Endpoints {
            ready: Readiness::default(),
            live: Liveness::default(),
            registry: Arc::default(),
        };
        assert_eq!(answer(&endpoints, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        endpoints.ready.set(true);
        assert_eq!(answer(&endpoints, "/readyz").await.0, StatusCode::OK);
    }
}
