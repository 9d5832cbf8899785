//! The TLS provider of the process.

/// Makes ring the TLS provider of the process. Call this before the first use of TLS: two libraries could otherwise choose different
/// providers, and rustls refuses to guess.
///
/// # Errors
/// If a provider was installed before.
pub fn install() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was already installed"))
}
