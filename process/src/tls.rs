//! The TLS provider of the process.

/// Makes ring the TLS provider of the process. Call this before the first use of TLS: otherwise two libraries could choose different
/// providers, and rustls refuses to choose between them.
///
/// # Errors
/// If a provider was already installed.
pub fn install() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was already installed"))
}
