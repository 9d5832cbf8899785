//! Five demo portals of fibre network operators, for demonstrations and tests.
//!
//! They look and behave like real portals: each has its own markup and behaviour, and they have
//! one-time codes, locks, and sessions that end. They keep a [`journal`] of what was done to them,
//! and a control port shows the truth about their data. They share no code with the programs that
//! they judge.

mod account;
mod circuits;
mod clock;
mod config;
mod control;
pub mod journal;
mod lines;
mod otp;
mod portal;
mod session;
mod settings;
mod sign_in;
mod sites;
mod web;
mod world;

pub use account::{AccountSpec, default_accounts};
pub use circuits::{AbsentCircuit, CancellationTruth, CircuitTruth, Outcome, Page};
pub use clock::Clock;
pub use config::Config;
pub use control::{AccountState, Origins, SessionState, router as control_router};
pub use otp::Algorithm;
pub use portal::{Origin, Portal};
pub use settings::{Availability, PortalSettings, SubmitMode, WhenFull};
pub use sites::router as site_router;
pub use web::{Running, start};
pub use world::Portals;
