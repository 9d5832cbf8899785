//! The chart: what it renders from its values, what a real API server accepts of that, and what its policies admit.
//! Needs helm, kubectl, etcd and kube-apiserver in PATH (`make unit` provides them), but no cluster.

mod api_server;
mod installing;
mod policies;
mod release;
mod rendering;
mod reports;
mod rights;
mod values;
mod watching;
