//! `select`: chooses an entry of a list.

use fno_core::flow::template::Template;
use fno_crds::{Step, flow::SelectBy};
use serde::Deserialize;

use super::super::{
    clock::Clock,
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::Request;

impl Walk<'_, '_> {
    pub(super) async fn select(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let value = Template::parse(step.value.as_deref().ok_or_else(|| Problem::lacks("value"))?)?
            .render(&self.run.scope)?;
        let by = match step.by.unwrap_or_default() {
            SelectBy::Label => "Label",
            SelectBy::Value => "Value",
            SelectBy::Index => "Index",
        };
        self.choose(step, by, &value, clock).await
    }

    pub(super) async fn choose(
        &mut self,
        step: &Step,
        by: &str,
        value: &str,
        clock: &mut Clock,
    ) -> Done {
        #[derive(Deserialize)]
        struct Chosen {
            alternative: usize,
            chosen: String,
        }
        let alternatives = self.alternatives(&step.selectors)?;
        let request =
            Request::new("choose").alternatives(&alternatives).with("by", by).with("value", value);
        let (chosen, _) = self
            .search(&request, &alternatives, |chosen: &Chosen| chosen.alternative, clock)
            .await?;
        if step.sensitive != Some(true) {
            self.note.message = Some(format!("chose {:?}", chosen.chosen));
        }
        Ok(())
    }
}
