//! Pictures of the page. Everything secret is covered first.

use fno_core::flow::selector::Chain;
use serde_json::Value;

use super::{problem::Done, trace::Trace, walk::Walk};
use crate::browser::{Answer, Browser, DriverError, DriverErrorKind, Request, chain_json};

/// Number of requests to a page that is being replaced.
const TRIES: usize = 50;

/// Takes a picture, adds it to the trace, and returns the name of the file. Afterwards the driver is at the top of the page.
///
/// Password and code fields are made invisible. If they cannot be covered, no picture is taken.
///
/// # Errors
/// [`DriverErrorKind::DialogOpen`] while a native dialog is open, because it hides the page.
pub async fn picture(
    browser: &mut Browser,
    trace: &mut Trace,
    step: &str,
    full_page: bool,
) -> Result<String, DriverError> {
    browser.enter_top().await?;
    let png = covered(browser, &[], false, full_page).await?;
    Ok(trace.add_file(step, "image/png", png))
}

async fn covered(
    browser: &mut Browser,
    sensitive: &[Chain],
    frames: bool,
    full_page: bool,
) -> Result<Vec<u8>, DriverError> {
    let chains: Vec<Value> = sensitive.iter().map(chain_json).collect();
    let cover = Request::new("cover").with("chains", chains).with("frames", frames);
    ask(browser, &cover).await?;
    let picture = browser.screenshot(full_page).await;
    let uncovered = ask(browser, &Request::new("uncover")).await;
    let picture = picture?;
    uncovered?;
    Ok(picture)
}

async fn ask(browser: &mut Browser, request: &Request) -> Result<(), DriverError> {
    for _ in 0..TRIES {
        match browser.ask::<Value>(request, super::look::AGAIN).await? {
            Answer::Here(..) => return Ok(()),
            Answer::Wrong(message, _) => {
                return Err(DriverError { kind: DriverErrorKind::Other, message });
            }
            Answer::Leaving => tokio::time::sleep(super::look::AGAIN).await,
        }
    }
    Err(DriverError {
        kind: DriverErrorKind::Stale,
        message: "the page is being replaced all the time".to_owned(),
    })
}

impl Walk<'_, '_> {
    /// Takes a picture of the current page.
    pub(super) async fn picture(&mut self, name: &str, full_page: bool) -> Done<String> {
        let png = self.take(full_page).await;
        self.place.is_lost();
        let file = self.trace.add_file(name, "image/png", png?);
        self.note.files.push(file.clone());
        Ok(file)
    }

    async fn take(&mut self, full_page: bool) -> Result<Vec<u8>, DriverError> {
        self.browser.enter_top().await?;
        covered(self.browser, &self.sensitive, self.sensitive_frame, full_page).await
    }

    /// Stores the current page as PDF.
    pub(super) async fn print(&mut self, name: &str) -> Done<String> {
        let chains: Vec<Value> = self.sensitive.iter().map(chain_json).collect();
        let cover =
            Request::new("cover").with("chains", chains).with("frames", self.sensitive_frame);
        self.place.is_lost();
        self.browser.enter_top().await?;
        ask(self.browser, &cover).await?;
        let pdf = self.browser.print().await;
        let uncovered = ask(self.browser, &Request::new("uncover")).await;
        let file = self.trace.add_file(name, "application/pdf", pdf?);
        uncovered?;
        self.note.files.push(file.clone());
        Ok(file)
    }
}
