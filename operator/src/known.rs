//! What is known of the cluster. Nothing here acts, and nothing here knows who acts.

pub mod batches;
pub mod caches;
pub mod jobs;
pub mod sessions;
