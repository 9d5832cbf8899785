//! `switchTo`: works in another frame or window from here on.

use fno_crds::{Step, flow::SwitchTarget};

use super::super::{
    clock::Clock,
    look::Need,
    place::Place,
    problem::{Done, Problem},
    walk::Walk,
};

impl Walk<'_, '_> {
    pub(super) async fn switch_to(&mut self, step: &Step, clock: &mut Clock) -> Done {
        match step.to.ok_or_else(|| Problem::lacks("to"))? {
            SwitchTarget::Main => self.place = Place::top_of(None),
            SwitchTarget::Parent => self.place.leave_frame(),
            SwitchTarget::Window => {
                let window = self.newest_window(clock).await?;
                self.place = Place::top_of(Some(window));
            }
            SwitchTarget::Frame => {
                // Found first, for message and drift. Entered by its selectors, now and after each redraw of the page.
                self.find(step, Need::Displayed, clock).await?;
                let alternatives = self.alternatives(&step.selectors)?;
                self.place.add_frame(alternatives);
            }
        }
        self.settle(clock).await?;
        Ok(())
    }
}
