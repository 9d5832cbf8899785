//! A file of evidence before it is written.

use jiff::Timestamp;

/// A picture or a printed page.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// File name: letters, digits, `.`, `-`, `_`.
    pub name: String,
    /// Media type: `image/png` or `application/pdf`.
    pub media_type: &'static str,
    /// Name of the step that created the file.
    pub step: String,
    /// When the file was created.
    pub taken_at: Timestamp,
    /// Address of the page that the file shows.
    pub url: Option<String>,
    /// Content.
    pub bytes: Vec<u8>,
}
