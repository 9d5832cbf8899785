//! Scenarios that disturb what all of them share: Valkey, the operator, its connection to the API server. No other scenario runs at the
//! same time. Tests start in the order of their names, so these come first, and no others have to end for each of them.

pub mod disturbances;
mod listed_namespace;
mod rollback;
mod silent_api_server;
mod unreadable;
