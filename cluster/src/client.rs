//! The client for the API server. Every call ends in bounded time, and no call is repeated behind the caller's back.
//!
//! kube's own stack has no time limit for an answer, sets no TCP keepalive, and repeats every request, including POST and PATCH, up to 15
//! times on 429, 503 and 504. A connection whose packets are dropped would block a call for ever, and a repeated write could be applied
//! twice. So the stack is assembled here from the same parts.

use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder, ConfigExt as _},
};
use tower::{BoxError, ServiceBuilder, timeout::TimeoutLayer};

/// How long a connection may be idle before TCP sends a keepalive probe.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// Time between two keepalive probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Number of unanswered probes after which the connection is closed: 25 s after the last packet in total.
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent data may stay unacknowledged before the connection is closed (`TCP_USER_TIMEOUT`).
const UNACKNOWLEDGED: Duration = Duration::from_secs(25);

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the call to the head of the answer, including the connection and TLS. Webhooks may take 10 s by default.
    pub answer: Duration,
    /// Between two parts of an answer. Longer than the lifetime of a watch, because a watch without events is not broken.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(15), silence: Duration::from_secs(70) }
    }
}

/// A client with the configuration of the Pod, or of the current kubeconfig outside of a cluster.
///
/// # Errors
/// If there is no configuration, or it cannot be used.
pub async fn connect() -> kube::Result<Client> {
    new(Config::infer().await.map_err(kube::Error::InferConfig)?, Limits::default())
}

/// A client with that configuration. Nothing is sent yet.
///
/// # Errors
/// If the certificates, the credentials or the proxy of the configuration cannot be used.
pub fn new(mut config: Config, limits: Limits) -> kube::Result<Client> {
    if config.proxy_url.is_some() {
        // The default stack knows which proxies this build supports and refuses the others.
        config.connect_timeout = Some(limits.answer);
        config.read_timeout = Some(limits.silence);
        config.write_timeout = Some(limits.answer);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        let layer = TimeoutLayer::new(limits.answer);
        return Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build());
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE_IDLE));
    tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(Some(limits.answer));
    connector.set_read_timeout(Some(limits.silence));
    connector.set_write_timeout(Some(limits.answer));
    // The time that a connection was idle in the pool does not count against the next answer.
    connector.set_reset_reader_on_write(true);
    let transport: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(limits.answer))
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(transport);
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

#[cfg(test)]
mod tests;
