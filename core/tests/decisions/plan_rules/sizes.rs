//! Large and hostile jobs: what would be refused as a whole is not planned as a whole.

use fno_core::{
    plan::{BatchView, Rejected},
    work::size::{JOB_BYTES, PROVIDER_BYTES, WORK_BYTES},
};
use fno_crds::Reason;

use crate::world::{Scene, batch, job, jobs, key, names, reasons, sizes};

#[test]
fn a_batch_fits_into_its_work_secret() {
    let mut scene = Scene::octotel(jobs(40));
    scene.jobs.iter_mut().for_each(|job| job.bytes = 100_000);
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [8], "nine would fit: 40 jobs are five batches of eight");
    scene.providers[0].work_bytes = PROVIDER_BYTES;
    assert_eq!(sizes(&scene.plan()), [4]);
    scene.jobs.iter_mut().for_each(|job| job.bytes = JOB_BYTES);
    assert_eq!(sizes(&scene.plan()), [1], "the largest job beside the largest provider");
    const { assert!(WORK_BYTES < 1024 * 1024) };
}

#[test]
fn large_jobs_among_small_ones_do_not_meet_in_one_batch() {
    let mut scene = Scene::octotel(jobs(20));
    for large in [0, 1, 2] {
        scene.jobs[large].bytes = JOB_BYTES;
    }
    let plan = scene.plan();
    let bytes: usize = names(&plan, 0)
        .iter()
        .map(|name| scene.jobs.iter().find(|job| job.key.name == *name).expect("a job").bytes)
        .sum();
    assert!(bytes + scene.providers[0].work_bytes <= WORK_BYTES, "{bytes}");
}

#[test]
fn a_job_that_fits_into_no_batch_fails_and_names_the_limit() {
    let mut scene = Scene::octotel(jobs(3));
    scene.jobs[0].bytes = JOB_BYTES + 1;
    let plan = scene.plan();
    let why = &plan.fail[&key("job-00000")];
    assert_eq!(why.reason, Reason::InvalidJob);
    assert!(why.message.contains("at most 448 KiB"), "{}", why.message);
    assert_eq!(sizes(&plan), [2], "the others leave");
}

#[test]
fn a_provider_that_fits_into_no_batch_holds_its_jobs_and_says_so() {
    let mut scene = Scene::octotel(jobs(3));
    scene.providers[0].work_bytes = PROVIDER_BYTES + 1;
    assert_eq!(reasons(&scene.plan()), [(Reason::FlowInvalid, 3)].into());
}

fn rejected(name: &str, jobs: &[&str]) -> BatchView {
    BatchView {
        finished: true,
        holds_session: false,
        holds_runner: false,
        rejected: Some(Rejected {
            jobs: jobs.iter().map(|job| format!("uid-{job}")).collect(),
            message: "no".to_owned(),
        }),
        ..batch(name, "ops", &[])
    }
}

#[test]
fn a_refused_batch_is_halved_until_one_job_stands_alone_and_fails() {
    let mut scene = Scene::octotel(jobs(8));
    let bad = "job-00005";
    let (mut failed, mut done, mut rounds) = (Vec::new(), 0, 0);
    while !scene.jobs.is_empty() {
        rounds += 1;
        assert!(rounds < 20, "it never ends");
        let plan = scene.plan();
        failed.extend(plan.fail.keys().map(|key| key.name.clone()));
        scene.jobs.retain(|job| !plan.fail.contains_key(&job.key));
        for number in 0..plan.create.len() {
            let jobs = names(&plan, number);
            if jobs.contains(&bad) {
                scene.batches.push(rejected(&plan.create[number].key.name, &jobs));
            } else {
                done += jobs.len();
                scene.jobs.retain(|job| !jobs.contains(&job.key.name.as_str()));
            }
        }
    }
    assert_eq!((failed, done), (vec![bad.to_owned()], 7), "seven good jobs got their batch");
}

#[test]
fn jobs_that_were_never_refused_are_not_split() {
    let mut scene = Scene::octotel(jobs(6));
    scene.batches.push(rejected("octotel-1", &["job-00000", "job-00001"]));
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [1]);
    scene.batches[0] = rejected("octotel-1", &["gone"]);
    assert_eq!(sizes(&scene.plan()), [6]);
}

#[test]
fn jobs_that_a_batch_gives_back_leave_together() {
    let mut scene = Scene::octotel(jobs(1));
    // Its end is stored, and the first of its twenty jobs is Pending again.
    let ending = BatchView {
        finished: true,
        holds_session: false,
        ..batch("octotel-1", "ops", &["job-00000"])
    };
    scene.batches.push(ending);
    assert_eq!(reasons(&scene.plan()), [(Reason::Batched, 1)].into());
    scene.jobs = jobs(20);
    scene.batches[0].jobs.clear();
    assert_eq!(sizes(&scene.plan()), [20]);
}

#[test]
fn a_job_keeps_its_turn_while_its_batch_is_created_and_claims() {
    let mut scene = Scene::octotel(vec![job("a")]);
    let leaves = scene.plan();
    assert!(leaves.is_ready(&key("a")), "the batch may fail to be created");
    scene.carry_out(&leaves);
    assert!(scene.plan().is_ready(&key("a")), "the batch may fail to claim it");
    scene.jobs[0].suspend = true;
    scene.batches.clear();
    assert!(!scene.plan().is_ready(&key("a")));
}
