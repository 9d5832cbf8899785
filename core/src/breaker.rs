//! When logins and flows are stopped, and what lets them go on.
