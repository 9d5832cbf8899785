//! The jobs: a compact index of those that wait, the whole objects of those at work, and when the finished ones are due for the archive.
//!
//! One entry per job, fed by the watch and by the answers to our own writes. No reflector of full objects: ten thousand waiting jobs are a few
//! megabytes here.

mod index;
mod view;
mod watch;

pub use index::{JobIndex, Pending};
pub use view::Waiting;
pub use watch::{tell, watch};
