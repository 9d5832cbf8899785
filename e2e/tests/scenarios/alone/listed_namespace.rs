//! An operator that serves listed namespaces loses one of them.

use anyhow::Result;
use fno_e2e::ground::{RELEASE, SYSTEM, kubectl};
use serde_json::json;

use crate::{
    namespaces::{at_work, goes_in_time},
    support::{alone, arena, close, finished, release_with, set_values},
};

#[tokio::test]
async fn a_listed_namespace_goes_with_the_operators_rights_in_it_and_the_others_are_served()
-> Result<()> {
    let _alone = alone().await;
    let (going, staying) = (arena("listed-gone").await?, arena("listed-stays").await?);
    let both = [going.namespace.clone(), staying.namespace.clone()];
    set_values(&[("namespaces", json!(both))]).await?;
    let outcome = async {
        at_work(&going).await?;
        // The namespace takes the RoleBinding with it that gives the operator its rights there.
        goes_in_time(&going).await?;
        // A restart finds one of its namespaces missing.
        let selector = "app.kubernetes.io/component=operator";
        kubectl(&["delete", "pod", "--namespace", SYSTEM, "--selector", selector]).await?;
        let name = format!("deployment/{RELEASE}");
        kubectl(&["rollout", "status", "--namespace", SYSTEM, &name, "--timeout=120s"]).await?;
        staying.provider("evotel", |spec| spec["suspend"] = json!(true)).await?;
        let circuits = release_with(&staying, "evotel", 3).await?;
        finished(&staying).await?.is_right("evotel", &circuits)
    };
    let outcome = outcome.await;
    set_values(&[("namespaces", json!([]))]).await?;
    outcome?;
    close(staying, []).await
}
