//! The outside: gives permission and codes as the test says, and writes down what it saw.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use fno_crds::{
    Reason,
    batch::{LoginState, Run},
};
use secrecy::SecretString;
use tokio::{sync::watch, time::sleep};

use super::world::Log;
use crate::{
    control::{Control, Orders, Refused, Reporter},
    engine::NoCode,
};

/// The outside.
pub struct Desk {
    pub codes: VecDeque<String>,
    pub refuse_leave: Option<(i32, Reason)>,
    pub leave_takes: f64,
    pub code_takes: f64,
    pub delivers: bool,
    pub reporter: Reporter,
    pub orders: watch::Sender<Orders>,
    /// The portal's clock as it was reported when a code was asked for.
    pub clocks: Mutex<Vec<Option<i64>>>,
    given: Mutex<usize>,
    log: Log,
}

impl Desk {
    pub fn new(log: Log) -> Self {
        Self {
            codes: VecDeque::new(),
            refuse_leave: None,
            leave_takes: 0.0,
            code_takes: 0.0,
            delivers: true,
            reporter: Reporter::new(Run::default()),
            orders: watch::Sender::default(),
            clocks: Mutex::default(),
            given: Mutex::default(),
            log,
        }
    }

    /// What the outside sees of the current login.
    fn note(&self, what: &str, login: i32) {
        let seen =
            self.reporter.look().run.login.map_or_else(
                || "nothing".to_owned(),
                |login| format!("{} {}", login.n, login.state),
            );
        self.log.lock().expect("no panic").push(format!("{what} {login}: {seen}"));
    }
}

impl Control for Desk {
    fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    fn orders(&self) -> watch::Receiver<Orders> {
        self.orders.subscribe()
    }

    async fn permission(&self, login: i32) -> Result<(), Refused> {
        self.note("permission", login);
        sleep(Duration::from_secs_f64(self.leave_takes)).await;
        match self.refuse_leave {
            Some((refused, reason)) if refused == login => {
                Err(Refused { reason, message: "No permission.".to_owned() })
            }
            _ => Ok(()),
        }
    }

    async fn code(&self, login: i32) -> Result<SecretString, NoCode> {
        self.note("code", login);
        let clock = self.reporter.look().run.clock_offset_milliseconds;
        self.clocks.lock().expect("no panic").push(clock);
        sleep(Duration::from_secs_f64(self.code_takes)).await;
        let mut given = self.given.lock().expect("no panic");
        let code = self.codes.get(*given).cloned().unwrap_or_else(|| "123456".to_owned());
        *given += 1;
        Ok(code.into())
    }

    async fn counted(&self, login: i32) {
        self.note("counted", login);
        let state = self.reporter.look().run.login.map(|login| login.state);
        assert!(matches!(state, Some(LoginState::Rejected | LoginState::Failed)), "{state:?}");
    }

    async fn delivered(&self) -> bool {
        self.log.lock().expect("no panic").push("delivered".to_owned());
        self.delivers
    }
}
