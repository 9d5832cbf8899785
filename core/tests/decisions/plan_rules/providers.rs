//! Several providers and namespaces share the runners.

use fno_crds::{Duration, Reason};

use crate::world::{Scene, at, batch, blocked, job, jobs, key, provider, reasons, sizes, with};

fn four_providers(per_provider: usize) -> Scene {
    let providers: Vec<_> = ["evotel", "mfn", "octotel", "openserve"]
        .map(|name| with(provider(name), |p| p.session.max_sessions_per_account = 20))
        .into();
    let jobs = providers
        .iter()
        .flat_map(|provider| {
            jobs(per_provider).into_iter().map(|mut job| {
                job.key.name = format!("{}-{}", provider.key.name, job.key.name);
                job.uid = format!("uid-{}", job.key.name);
                job.provider.clone_from(&provider.key.name);
                job
            })
        })
        .collect();
    Scene { now: at(60), ..Scene::new(providers, jobs) }
}

#[test]
fn runners_are_shared_evenly_and_every_provider_gets_one() {
    let mut scene = four_providers(150);
    scene.max_runners = 5;
    let plan = scene.plan();
    let mut by_provider: Vec<&str> =
        plan.create.iter().map(|batch| batch.spec.provider.as_str()).collect();
    by_provider.sort_unstable();
    assert_eq!(by_provider, ["evotel", "evotel", "mfn", "octotel", "openserve"]);
    assert_eq!(reasons(&plan).keys().collect::<Vec<_>>(), [&Reason::WaitingForRunner]);
}

#[test]
fn who_has_the_most_runners_gets_the_next_one_last() {
    let mut scene = four_providers(150);
    scene.providers[2] =
        with(scene.providers[2].clone(), |p| p.batching.max_concurrent_batches = 10);
    scene.batches = (0..3).map(|i| batch(&format!("octotel-{i}"), "ops", &["other"])).collect();
    scene.max_runners = 6;
    let mut providers: Vec<String> =
        scene.plan().create.iter().map(|batch| batch.spec.provider.clone()).collect();
    providers.sort_unstable();
    assert_eq!(providers, ["evotel", "mfn", "openserve"]);
}

#[test]
fn a_stream_of_urgent_jobs_delays_others_but_does_not_starve_them() {
    let mut scene = four_providers(1);
    scene.jobs.retain(|job| ["mfn", "octotel"].contains(&job.provider.as_str()));
    scene.max_runners = 1;
    let at_wait = |scene: &mut Scene, waited: i64| {
        for job in &mut scene.jobs {
            let urgent = job.provider == "octotel";
            (job.priority, job.eligible_since) = if urgent {
                (100, scene.now)
            } else {
                (0, scene.now.checked_sub(jiff::SignedDuration::from_secs(waited)).expect("a time"))
            };
        }
        scene.clone().with(|p| p.batching.linger = Duration::from_secs(0)).plan()
    };
    scene.providers[2] =
        with(scene.providers[2].clone(), |p| p.batching.linger = Duration::from_secs(0));
    assert_eq!(at_wait(&mut scene, 500).create[0].spec.provider, "octotel");
    assert_eq!(
        at_wait(&mut scene, 601).create[0].spec.provider,
        "mfn",
        "100 points of priority weigh ten minutes"
    );
}

#[test]
fn namespaces_do_not_mix() {
    let mut elsewhere = provider("octotel");
    elsewhere.key.namespace = "elsewhere".to_owned();
    let mut guest = job("a");
    guest.key.namespace = "elsewhere".to_owned();
    guest.uid = "uid-guest".to_owned();
    let scene = Scene {
        now: at(60),
        ..Scene::new(vec![provider("octotel"), elsewhere], vec![job("a"), guest])
    };
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [1, 1]);
    assert!(plan.create.iter().all(|batch| batch.spec.jobs[0].uid
        == if batch.key.namespace == "elsewhere" { "uid-guest" } else { "uid-a" }));
}

#[test]
fn jobs_of_a_provider_that_cannot_be_read_wait_with_what_is_wrong_with_it() {
    let mut scene = Scene { now: at(60), ..Scene::new(Vec::new(), jobs(3)) };
    let missing = reasons(&scene.plan());
    assert_eq!(missing.keys().collect::<Vec<_>>(), [&Reason::ProviderNotFound]);
    scene.unreadable.insert(key("octotel"), blocked(Reason::ProviderNotReady));
    let plan = scene.plan();
    assert_eq!(reasons(&plan).keys().collect::<Vec<_>>(), [&Reason::ProviderNotReady]);
    assert!(plan.create.is_empty() && plan.fail.is_empty());
    // What the submitter wants still goes first.
    scene.jobs[0].suspend = true;
    scene.jobs[1].cancel_requested = true;
    let plan = scene.plan();
    assert_eq!(plan.withdraw.len(), 1);
    assert_eq!(
        reasons(&plan).keys().collect::<Vec<_>>(),
        [&Reason::Suspended, &Reason::ProviderNotReady]
    );
}
