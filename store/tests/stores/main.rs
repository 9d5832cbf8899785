//! Stores on a folder and in a bucket.

mod bucket;
mod report;
mod samples;
mod volume;
