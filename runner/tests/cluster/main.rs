//! The cluster side of the runner against an API server that counts, fails and hangs up.

mod api_server;
mod codes;
mod orders;
mod reports;
