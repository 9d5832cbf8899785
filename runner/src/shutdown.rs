//! Being told to end: SIGTERM from the kubelet, Ctrl-C from a person.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first of these signals.
///
/// # Errors
/// When signals cannot be listened to.
pub(crate) fn listen() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let told = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to end (SIGTERM)"),
            _ = interrupt.recv() => tracing::info!("told to end (SIGINT)"),
        }
        told.cancel();
    });
    Ok(token)
}
