//! Finds the provider that a job names, and what holds up all jobs of that provider.

use std::collections::HashMap;

use super::{
    Candidate, JobView, Key, World, eligibility::Rules, report::Report, sentences, waits::Cause,
};

/// What exists under the name of a job's provider.
pub(super) enum Home<'a> {
    /// A provider.
    Provider(Rules<'a>),
    /// The provider does not exist or cannot be read, which is what the job waits for.
    Absent(Cause),
}

/// Every provider, and every name that jobs give as their provider, with the jobs that are ready.
pub(super) struct Homes<'a> {
    all: Vec<(Home<'a>, Vec<Candidate<'a>>)>,
    keys: Vec<(&'a str, &'a str)>,
    index: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Homes<'a> {
    /// Providers in the order of their names, so that the plan does not depend on the order in which they are given.
    pub fn of(world: &World<'a>, report: &mut Report<'a>) -> Self {
        let mut homes = Self { all: Vec::new(), keys: Vec::new(), index: HashMap::new() };
        let mut providers: Vec<_> = world.providers.iter().collect();
        providers.sort_unstable_by_key(|provider| &provider.key);
        for provider in providers {
            let home = Home::Provider(Rules::of(provider, &mut report.causes));
            homes.add((&provider.key.namespace, &provider.key.name), home);
        }
        for (key, why) in world.unreadable {
            let home = Home::Absent(report.causes.add(why.clone()));
            homes.add((&key.namespace, &key.name), home);
        }
        homes
    }

    /// The number of the job's home. A name that no provider has gets a home, too.
    pub fn of_job(&mut self, job: &'a JobView, report: &mut Report<'a>) -> usize {
        let name = (job.key.namespace.as_str(), job.provider.as_str());
        if let Some(home) = self.index.get(&name) {
            return *home;
        }
        let why = sentences::provider_not_found(name.0, name.1);
        let home = Home::Absent(report.causes.add(why));
        self.add(name, home)
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
        self.index.insert(name, number);
        number
    }
}
