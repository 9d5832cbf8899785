//! What is kept when jobs and Pods are gone: evidence, runner logs and the records of finished
//! jobs, on a volume or in an S3-compatible store.
//!
//! | where, below the store's URL | what | written by |
//! |---|---|---|
//! | `<namespace>/<provider>/<job uid>/<attempt>/<pod>/` | one try of a job: pictures, `report.html`, `manifest.json` | runner |
//! | `<namespace>/<provider>/batches/<batch>/<pod>/` | the session of a batch, with its logins and its logout: the same files | runner |
//! | `<namespace>/<provider>/batches/<batch>/runner.log` | log of the runner | operator |
//! | `_archive/<namespace>/<job uid>.json` | a finished FnoJob as it was when it was deleted | operator |
//!
//! In reading order: [`store`] opens a store, [`manifest`] describes a try, [`evidence`] writes and
//! uploads it, `report` makes it readable, [`archive`] keeps finished jobs, [`runner_log`] keeps
//! runner logs.
//!
//! Nothing here retries beyond one broken connection: the caller knows how long retrying is
//! worthwhile. Every write may be repeated.

pub mod archive;
pub mod evidence;
mod http;
pub mod manifest;
mod new_file;
mod place;
mod report;
pub mod runner_log;
mod s3;
pub mod store;

pub use archive::Archived;
pub use evidence::Folder;
pub use manifest::Manifest;
pub use new_file::NewFile;
pub use place::Place;
pub use s3::S3;
pub use store::{OpenError, Settings, Store, StoreError};
