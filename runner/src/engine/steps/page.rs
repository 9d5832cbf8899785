//! `navigate`, `scroll`, `setViewport`, and the navigations that a recording expects.

use std::time::Duration;

use fno_core::flow::{address, template::Template};
use fno_crds::Step;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    missing::broken_page,
    place::{Place, up_to_path},
    problem::{Done, Problem},
    walk::{Walk, millis},
};
use crate::browser::{DriverErrorKind, Request};

impl Walk<'_, '_> {
    pub(super) async fn navigate(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let template = Template::parse(step.url.as_deref().ok_or_else(|| Problem::lacks("url"))?)?;
        let url = template.render(&self.run.scope)?;
        let url = address::resolve(&self.run.rules.base_url, &url)
            .map_err(|error| Problem::new(FailureKind::Flow, error.to_string()))?;
        // Page loads have their own limit. The step's timeout replaces it; the flow's default for steps does not.
        let limit = step.timeout.map_or_else(|| self.browser.page_load_timeout(), millis);
        let left = self.run.deadline.saturating_duration_since(Instant::now());
        if self.place.is_in_frame() {
            self.place = Place::top_of(self.place.window.clone());
        }
        self.enter(clock).await?;
        let began = Instant::now();
        match self.browser.navigate(&url, limit.min(left).max(Duration::from_millis(1))).await {
            Ok(()) => self.place.at_top(),
            Err(error) if error.kind == DriverErrorKind::Timeout => {
                return Err(self.no_answer(&url, limit.min(left)).await);
            }
            Err(error) => return Err(error.into()),
        }
        clock.pause(began.elapsed());
        let page = self.settle(clock).await?;
        broken_page(&page).map_or(Ok(()), Err)
    }

    /// No page at all means that the portal is down; a page that came in part is slow.
    async fn no_answer(&mut self, url: &str, limit: Duration) -> Problem {
        let came = self.browser.url().await.is_ok_and(|at| up_to_path(&at) == up_to_path(url));
        let seconds = limit.as_secs_f32();
        if came {
            Problem::new(
                FailureKind::TimedOut,
                format!("the page was not loaded within {seconds} s"),
            )
        } else {
            Problem::new(
                FailureKind::ErrorPage,
                format!("the portal gave no answer within {seconds} s"),
            )
        }
    }

    pub(super) async fn scroll(&mut self, step: &Step, clock: &mut Clock) -> Done {
        #[derive(Deserialize)]
        struct Scrolled {
            alternative: usize,
        }
        let alternatives = if step.selectors.is_empty() {
            Vec::new()
        } else {
            self.alternatives(&step.selectors)?
        };
        let request =
            Request::new("scroll").alternatives(&alternatives).with("x", step.x).with("y", step.y);
        self.search(&request, &alternatives, |scrolled: &Scrolled| scrolled.alternative, clock)
            .await?;
        Ok(())
    }

    pub(super) async fn set_viewport(&mut self, step: &Step, clock: &mut Clock) -> Done {
        #[derive(Deserialize)]
        struct Size {
            inner: [i64; 2],
            outer: [i64; 2],
        }
        let (Some(width), Some(height)) = (step.width, step.height) else {
            return Err(Problem::lacks("width and height"));
        };
        let (size, _): (Size, _) = self.ask(&Request::new("viewport"), clock).await?;
        let wanted = [i64::from(width), i64::from(height)];
        if size.inner != wanted {
            let [across, down] =
                [0, 1].map(|side| wanted[side] + size.outer[side] - size.inner[side]);
            self.browser.resize(across, down).await?;
        }
        Ok(())
    }

    /// `assertedEvents`: waits for the page that the recorded step led to.
    pub(super) async fn asserted_events(&mut self, step: &Step, clock: &mut Clock) -> Done {
        #[derive(Deserialize)]
        struct Arrived {
            arrived: bool,
        }
        for event in step.asserted_events.iter().filter(|event| event.type_ == "navigation") {
            let Some(url) = event.url.as_deref().filter(|url| !url.is_empty()) else {
                self.settle(clock).await?;
                continue;
            };
            // Page loads have their own limit.
            clock.pause(self.browser.page_load_timeout());
            let (answer, page): (Arrived, _) = self
                .ask(&Request::new("arrive").with("wanted", Value::from(up_to_path(url))), clock)
                .await?;
            if !answer.arrived {
                let problem = Problem::new(
                    FailureKind::TimedOut,
                    format!("the page {} did not come", up_to_path(url)),
                );
                return Err(broken_page(&page).unwrap_or(problem));
            }
        }
        Ok(())
    }
}
