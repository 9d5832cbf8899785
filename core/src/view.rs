//! What planning is given, made from objects as they are stored and from what was found out about them.

pub mod batch;
pub mod job;
pub mod mark;
pub mod provider;
pub mod slim;
