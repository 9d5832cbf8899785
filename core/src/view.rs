//! The input of planning, built from the stored objects and from what the operator has found out about them.

pub mod batch;
pub mod job;
pub mod mark;
pub mod provider;
pub mod slim;
