//! A file of evidence before it is written.

use jiff::Timestamp;

/// A picture or a printed page.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its name: letters, digits, `.`, `-`, `_`.
    pub name: String,
    /// `image/png` or `application/pdf`.
    pub media_type: &'static str,
    /// The step it belongs to.
    pub step: String,
    /// When it was made.
    pub taken_at: Timestamp,
    /// The page it shows.
    pub url: Option<String>,
    /// Content.
    pub bytes: Vec<u8>,
}
