//! The watches that feed what is known.

pub mod jobs;
