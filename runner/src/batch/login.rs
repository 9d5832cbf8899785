//! A login: permission, user name and password, code, and the report of how it ended.

use std::{sync::Mutex, time::Duration};

use fno_core::{flow::kind::FlowKind, work::JobWork};
use fno_crds::{
    Reason,
    batch::{FlowDrift, LoginState},
};
use tokio::time::Instant;

use super::{
    Batch, End, Portal, Session, Shown, record,
    run_login::run_login,
    secrets::LoginSecrets,
    session_flow::session_flow,
    verdict::{self, LoginVerdict},
};
use crate::control::{Control, Urgency};

/// From permission to being logged in. Just inside the operator's own limit, so that the reason is told by the one who saw it.
const DEADLINE: Duration = Duration::from_secs(285);

/// One walk through the login flow.
struct Walked {
    verdict: LoginVerdict,
    code_was_typed: bool,
    drift: Vec<FlowDrift>,
}

impl<P: Portal, C: Control> Batch<'_, P, C> {
    /// Logs in. Afterwards the session is logged in, or the browser crashed and may be renewed; everything else ends the batch.
    ///
    /// A code that was refused is followed by one more login, on the next code. A password is typed once: it will not be right the second time.
    pub(super) async fn login(&mut self, job: &JobWork) -> Result<(), End> {
        let mut refused_before = false;
        loop {
            if !self.may_log_in() {
                let message = format!(
                    "The session ended, and the batch has used its {} logins.",
                    self.work.session.max_logins
                );
                return Err(self.lost(Reason::SessionLost, &message));
            }
            self.asked += 1;
            let n = self.asked;
            self.wait_for_permission(n).await?;
            let Walked { verdict, code_was_typed, drift } = self.walk_login(n).await?;
            match verdict {
                LoginVerdict::LoggedIn => {
                    self.logged_in(n, drift, job).await;
                    return Ok(());
                }
                LoginVerdict::Rejected { reason, message } => {
                    tracing::warn!(login = n, %reason, message, "the portal refused the login");
                    self.report_login(n, LoginState::Rejected, Some((reason, &message)), drift);
                    let locked = reason == Reason::AccountLocked;
                    if locked || !code_was_typed || refused_before || !self.may_log_in() {
                        return Err(End { shown: Shown::Session, ..End::new(reason, &message) });
                    }
                    refused_before = true;
                    self.wait_until_counted(n).await?;
                }
                LoginVerdict::Failed { reason, message, step } => {
                    tracing::warn!(login = n, %reason, step, message, "the login failed");
                    self.report_login(n, LoginState::Failed, Some((reason, &message)), drift);
                    if let Some(halt) = self.halts.now() {
                        return Err(halt.into());
                    }
                    if reason == Reason::BrowserCrashed && !self.reopened && self.may_log_in() {
                        self.session = Session::Crashed;
                        return self.wait_until_counted(n).await;
                    }
                    return Err(End { step, shown: Shown::Session, ..End::new(reason, &message) });
                }
            }
        }
    }

    async fn wait_for_permission(&mut self, n: i32) -> Result<(), End> {
        self.report_login(n, LoginState::AskingLogin, None, Vec::new());
        let began = Instant::now();
        let permission = tokio::select! {
            permission = self.control.permission(n) => permission,
            halt = self.halts.any() => return Err(halt.into()),
        };
        self.waited += began.elapsed();
        permission.map_err(|refused| End::new(refused.reason, &refused.message))
    }

    async fn wait_until_counted(&mut self, n: i32) -> Result<(), End> {
        tokio::select! {
            () = self.control.counted(n) => Ok(()),
            halt = self.halts.any() => Err(halt.into()),
        }
    }

    async fn walk_login(&mut self, n: i32) -> Result<Walked, End> {
        let first_entry = self.trace.entries.len();
        let secrets = LoginSecrets {
            credentials: self.credentials,
            control: self.control,
            halts: self.halts.clone(),
            login: n,
            totp: self.work.totp,
            code: Mutex::default(),
            waited: Mutex::default(),
        };
        let mut run = session_flow(
            FlowKind::Login,
            &self.work.flows.login,
            self.work,
            &self.rules,
            &secrets,
            Instant::now() + DEADLINE,
        );
        let end = tokio::select! {
            end = self.portal.run(&mut run, &mut self.trace) => end,
            halt = self.halts.cut_short() => {
                let why = Some((halt.reason, halt.message.as_str()));
                self.report_login(n, LoginState::Failed, why, Vec::new());
                return Err(halt.into());
            }
        };
        self.waited += secrets.waited();
        let verdict = verdict::of_login(&end);
        // Of a failed step the engine has taken one.
        if !matches!(verdict, LoginVerdict::Failed { .. })
            && let Err(error) = self.portal.picture(&mut self.trace, &format!("login-{n}")).await
        {
            tracing::debug!(%error, "no picture of the login");
        }
        let drift = record::drifts(self.trace.entries.get(first_entry..).unwrap_or_default());
        Ok(Walked { verdict, code_was_typed: secrets.code_was_typed(), drift })
    }

    async fn logged_in(&mut self, n: i32, drift: Vec<FlowDrift>, job: &JobWork) {
        self.logins += 1;
        let logins = self.logins;
        let took = self.began.elapsed().saturating_sub(self.waited);
        let milliseconds = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        tracing::info!(login = n, milliseconds, "logged in");
        let now = Instant::now();
        self.session = Session::LoggedIn { since: now, used: now };
        self.control.reporter().report(Urgency::Now, |run| {
            run.logins = Some(logins);
            run.job = Some(job.name.clone());
            run.login = Some(run_login(n, LoginState::LoggedIn, None, drift));
            run.login_milliseconds.get_or_insert(milliseconds);
        });
        // Without codes nothing has measured the portal's clock yet.
        if logins == 1
            && !self.work.totp
            && let Some(offset) = self.portal.clock_offset().await
        {
            self.control
                .reporter()
                .report(Urgency::WithNext, |run| run.clock_offset_milliseconds = Some(offset));
        }
    }

    fn report_login(
        &self,
        n: i32,
        state: LoginState,
        why: Option<(Reason, &str)>,
        drift: Vec<FlowDrift>,
    ) {
        self.control
            .reporter()
            .report(Urgency::Now, |run| run.login = Some(run_login(n, state, why, drift)));
    }
}
