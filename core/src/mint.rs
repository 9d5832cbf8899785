//! Whether a one-time code may be minted now: an ordered chain of named checks, the first violation decides.
