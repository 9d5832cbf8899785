//! Finds the provider that a job names, and what holds up all jobs of that provider.

use std::collections::HashMap;

use super::{
    Candidate, JobView, Key, OutOfService, World, eligibility::Rules, report::Report, sentences,
    waits::Cause,
};

/// What exists under the name of a job's provider.
pub(super) enum Home<'a> {
    /// A provider.
    Provider(Rules<'a>),
    /// The provider does not exist or cannot be read, which is what the job waits for.
    Absent(Cause),
}

/// Every provider, and every name that jobs give as their provider, with the jobs that are ready. Namespaces that are out of service
/// have none.
pub(super) struct Homes<'a> {
    out_of_service: &'a OutOfService,
    all: Vec<(Home<'a>, Vec<Candidate<'a>>)>,
    keys: Vec<(&'a str, &'a str)>,
    /// The number of each name, once for all of its jobs; none where the operator cannot work.
    index: HashMap<(&'a str, &'a str), Option<usize>>,
}

impl<'a> Homes<'a> {
    /// Providers in the order of their names, so that the plan does not depend on the order in which they are given.
    pub fn of(world: &World<'a>, report: &mut Report<'a>) -> Self {
        let out_of_service = world.out_of_service;
        let mut homes =
            Self { out_of_service, all: Vec::new(), keys: Vec::new(), index: HashMap::new() };
        let in_service = |key: &Key| out_of_service.since(&key.namespace).is_none();
        let mut providers: Vec<_> =
            world.providers.iter().filter(|provider| in_service(&provider.key)).collect();
        providers.sort_unstable_by_key(|provider| &provider.key);
        for provider in providers {
            let home = Home::Provider(Rules::of(provider, &mut report.causes));
            homes.add((&provider.key.namespace, &provider.key.name), home);
        }
        for (key, why) in world.unreadable.iter().filter(|(key, _)| in_service(key)) {
            let home = Home::Absent(report.causes.add(why.clone()));
            homes.add((&key.namespace, &key.name), home);
        }
        homes
    }

    /// The number of the job's home; `None` where the operator cannot work. A name that no provider has gets a home, too.
    pub fn of_job(&mut self, job: &'a JobView, report: &mut Report<'a>) -> Option<usize> {
        let name = (job.key.namespace.as_str(), job.provider.as_str());
        if let Some(home) = self.index.get(&name) {
            return *home;
        }
        if self.out_of_service.since(name.0).is_some() {
            self.index.insert(name, None);
            return None;
        }
        let why = sentences::provider_not_found(name.0, name.1);
        let home = Home::Absent(report.causes.add(why));
        Some(self.add(name, home))
    }

    pub fn home(&self, number: usize) -> &Home<'a> {
        &self.all[number].0
    }

    pub fn ready(&mut self, job: Candidate<'a>) {
        self.all[job.queue].1.push(job);
    }

    /// The ready jobs of each provider that has any.
    pub fn take_ready(&mut self) -> Vec<(&Rules<'a>, Vec<Candidate<'a>>)> {
        let with_jobs = self.all.iter_mut().filter(|(_, ready)| !ready.is_empty());
        with_jobs
            .filter_map(|(home, ready)| match home {
                Home::Provider(rules) => Some((&*rules, std::mem::take(ready))),
                Home::Absent(_) => None,
            })
            .collect()
    }

    /// Namespace and name of every home, by its number.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().map(|(namespace, name)| Key {
            namespace: (*namespace).to_owned(),
            name: (*name).to_owned(),
        })
    }

    fn add(&mut self, name: (&'a str, &'a str), home: Home<'a>) -> usize {
        let number = self.all.len();
        self.all.push((home, Vec::new()));
        self.keys.push(name);
        self.index.insert(name, Some(number));
        number
    }
}
