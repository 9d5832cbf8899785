//! The client for the API server. Every call ends in bounded time, and no call is repeated behind the caller's back.
//!
//! kube's own stack has no limit on the time to an answer, sets no TCP keepalive, and repeats every request, POST and PATCH included, up
//! to 15 times on 429, 503 and 504. A connection whose packets are dropped would hold a call for ever, and a repeated write could be
//! applied twice. So the stack is put together here from the same parts.

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

/// How long an idle connection may stay without a sign of the peer before TCP asks for one.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// Between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Questions without an answer after which the connection is dead: 25 s after the last packet in all.
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent data may stay unacknowledged before the connection is dead (`TCP_USER_TIMEOUT`).
const UNACKNOWLEDGED: Duration = Duration::from_secs(25);

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the call to the head of the answer, with connecting and TLS. Webhooks in the API server may take 10 s by default.
    pub answer: Duration,
    /// Between two pieces of an answer. Longer than a watch lives: a quiet watch is not a dead one.
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
/// If there is no configuration, or one that cannot be used.
pub async fn connect() -> kube::Result<Client> {
    new(Config::infer().await.map_err(kube::Error::InferConfig)?, Limits::default())
}

/// A client with that configuration. Nothing is sent yet.
///
/// # Errors
/// If the certificates, the credentials or the proxy of the configuration cannot be used.
pub fn new(mut config: Config, limits: Limits) -> kube::Result<Client> {
    if config.proxy_url.is_some() {
        // The default stack knows which proxies this build supports, and refuses the others.
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
    // The time that a connection sat idle in the pool does not count against the next answer.
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
