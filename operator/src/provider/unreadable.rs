//! Reports a provider that cannot be read in its own status. Other providers are not affected.

use fno_core::{
    provider_status::{Readiness, conditions},
    unreadable::Unreadable,
};
use fno_crds::{FnoProvider, FnoProviderStatus, condition::types};
use kube::{Api, core::DynamicObject, discovery::ApiResource, runtime::controller::Action};
use serde_json::{Value, json};

use crate::{context::Context, error::Result, patch::write_status};

/// Writes the provider's `Ready` condition and nothing else: the rest of its status may mean something to a newer version.
///
/// # Errors
/// A conflict, or any other error of the API server.
pub async fn report(context: &Context, provider: &Unreadable) -> Result<Action> {
    let of = provider.key();
    let api = Api::<DynamicObject>::namespaced_with(
        context.client.clone(),
        &of.namespace,
        &ApiResource::erase::<FnoProvider>(&()),
    );
    let Some(raw) = api.get_opt(&of.name).await? else { return Ok(Action::await_change()) };
    let why = provider.provider_not_ready();
    let stored = raw.data.pointer("/status/conditions").and_then(Value::as_array);
    let says_so = stored
        .into_iter()
        .flatten()
        .any(|c| c["type"] == types::READY && c["message"] == why.message.as_str());
    if !says_so {
        let mut status = FnoProviderStatus::default();
        let ready = Readiness::not(why);
        conditions(&mut status, raw.metadata.generation, &ready, None, context.now());
        let patch = json!({"metadata": {"resourceVersion": raw.metadata.resource_version}, "status": {"conditions": status.conditions}});
        write_status(&api, &of.name, &patch).await?;
        context.known.caches.plan.notify_one();
    }
    Ok(Action::await_change())
}
