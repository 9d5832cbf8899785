//! The five portals and the origins they are served from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One demo portal. Serialised as the provider's name in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Portal {
    /// Single-page list with a side panel and a modal; login on another origin, with a one-time
    /// code.
    Octotel,
    /// Single-page application with deep links; login on another origin.
    Openserve,
    /// Server-rendered pages with a client-side data table.
    #[serde(alias = "metrofibre")]
    Mfn,
    /// Classic server-rendered pages with a grid and a date picker.
    Evotel,
    /// A search box and a table, rendered by the server. Lines can be looked up but not cancelled.
    Lightlink,
}

impl Portal {
    /// All portals in the order of their ports.
    pub const ALL: [Self; 5] =
        [Self::Octotel, Self::Openserve, Self::Mfn, Self::Evotel, Self::Lightlink];

    /// The serialised name: `octotel`, `openserve`, `mfn`, `evotel`, `lightlink`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Octotel => "octotel",
            Self::Openserve => "openserve",
            Self::Mfn => "mfn",
            Self::Evotel => "evotel",
            Self::Lightlink => "lightlink",
        }
    }

    /// The origin a user starts from.
    #[must_use]
    pub const fn home(self) -> Origin {
        match self {
            Self::Octotel => Origin::Octotel,
            Self::Openserve => Origin::Openserve,
            Self::Mfn => Origin::Metrofibre,
            Self::Evotel => Origin::Evotel,
            Self::Lightlink => Origin::Lightlink,
        }
    }

    /// The origin that asks for the password.
    #[must_use]
    pub const fn login(self) -> Origin {
        match self {
            Self::Octotel => Origin::OctotelLogin,
            Self::Openserve => Origin::OpenserveLogin,
            Self::Mfn => Origin::Metrofibre,
            Self::Evotel => Origin::Evotel,
            Self::Lightlink => Origin::Lightlink,
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One web origin. It has its own port locally and its own Service in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The Octotel portal.
    Octotel,
    /// Octotel's hosted login.
    OctotelLogin,
    /// The Openserve portal.
    Openserve,
    /// Openserve's identity provider.
    OpenserveLogin,
    /// The MetroFibre portal, login included.
    Metrofibre,
    /// The Evotel portal, login included.
    Evotel,
    /// The Lightlink portal, login included.
    Lightlink,
}

impl Origin {
    /// All origins. The position is the offset from the port base.
    pub const ALL: [Self; 7] = [
        Self::Octotel,
        Self::OctotelLogin,
        Self::Openserve,
        Self::OpenserveLogin,
        Self::Metrofibre,
        Self::Evotel,
        Self::Lightlink,
    ];

    /// The name used in settings, which is also the Service's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Octotel => "octotel",
            Self::OctotelLogin => "octotel-login",
            Self::Openserve => "openserve",
            Self::OpenserveLogin => "openserve-login",
            Self::Metrofibre => "metrofibre",
            Self::Evotel => "evotel",
            Self::Lightlink => "lightlink",
        }
    }

    /// The portal of the origin.
    #[must_use]
    pub const fn portal(self) -> Portal {
        match self {
            Self::Octotel | Self::OctotelLogin => Portal::Octotel,
            Self::Openserve | Self::OpenserveLogin => Portal::Openserve,
            Self::Metrofibre => Portal::Mfn,
            Self::Evotel => Portal::Evotel,
            Self::Lightlink => Portal::Lightlink,
        }
    }

    /// Offset of the origin's port from the port base.
    #[must_use]
    pub const fn offset(self) -> u16 {
        self as u16
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|origin| origin.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("origin {text:?} is unknown; allowed: {names}")
        })
    }
}
