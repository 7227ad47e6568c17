//! The order and the bounds of the waiting jobs, without time, threads or describers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::Refused;
use crate::dataset::RecordId;
use crate::describe::{JobId, Priority};
use crate::engine::rules::JobSpec;

/// The sort key of a waiting job; the smallest runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Newest first: the operator looks at that record now.
    Interactive(Reverse<u64>),
    /// Oldest first.
    Prefetch(u64),
    /// In file order.
    Bulk(RecordId),
}

impl Place {
    const fn priority(self) -> Priority {
        match self {
            Self::Interactive(_) => Priority::Interactive,
            Self::Prefetch(_) => Priority::Prefetch,
            Self::Bulk(_) => Priority::Bulk,
        }
    }
}

/// The waiting jobs: at most one per record, and at most `limit` per priority.
#[derive(Debug)]
pub(super) struct Backlog {
    limit: usize,
    /// A counter that orders the jobs of a priority.
    added: u64,
    waiting: BTreeMap<Place, JobSpec>,
    places: HashMap<RecordId, Place>,
}

/// The result of [`Backlog::replace_ahead`].
#[derive(Debug, Default)]
pub(super) struct Replaced {
    /// Jobs that are no longer waiting.
    pub displaced: Vec<JobSpec>,
    /// New jobs over the limit.
    pub refused: Vec<Refused>,
}

impl Backlog {
    pub fn new(limit: usize) -> Self {
        Self { limit, added: 0, waiting: BTreeMap::new(), places: HashMap::new() }
    }

    /// Adds a job. If its record has one, the new job replaces it at the more urgent of both priorities, and the old one
    /// is returned unless it was the same job. A refused job changes nothing.
    pub fn add(&mut self, mut spec: JobSpec) -> Result<Option<JobSpec>, Refused> {
        let priority = spec.priority;
        let current = self.places.get(&spec.record).copied();
        let place = match current {
            // A less urgent request does not demote the record.
            Some(current) if current.priority() < priority => current,
            // Only a repeated request by the operator moves to the front.
            Some(current) if current.priority() == priority && priority != Priority::Interactive => current,
            _ => {
                let stays = current.is_some_and(|current| current.priority() == priority);
                if !stays && self.count(priority) >= self.limit {
                    return Err(Refused { spec: Box::new(spec), limit: self.limit });
                }
                self.added += 1;
                match priority {
                    Priority::Interactive => Place::Interactive(Reverse(self.added)),
                    Priority::Prefetch => Place::Prefetch(self.added),
                    Priority::Bulk => Place::Bulk(spec.record),
                }
            }
        };
        spec.priority = place.priority();
        let job = spec.job;
        let before = current.and_then(|current| self.waiting.remove(&current));
        self.places.insert(spec.record, place);
        self.waiting.insert(place, spec);
        Ok(before.filter(|before| before.job != job))
    }

    /// Replaces the waiting prefetch jobs by `specs`, in this order. A job that is already waiting only moves.
    pub fn replace_ahead(&mut self, specs: Vec<JobSpec>) -> Replaced {
        let mut replaced = Replaced::default();
        let leaving: Vec<Place> = self.ahead().collect();
        let before: Vec<JobSpec> = leaving.into_iter().filter_map(|place| self.remove(place)).collect();
        for spec in specs {
            match self.add(JobSpec { priority: Priority::Prefetch, ..spec }) {
                Ok(displaced) => replaced.displaced.extend(displaced),
                Err(refused) => replaced.refused.push(refused),
            }
        }
        // A job that waited before was accepted once, so it leaves as displaced and not as refused.
        replaced.refused.retain(|refused| before.iter().all(|before| before.job != refused.spec.job));
        replaced.displaced.extend(before.into_iter().filter(|before| !self.contains(before)));
        replaced
    }

    /// Removes a waiting job.
    pub fn cancel(&mut self, job: JobId) -> Option<JobSpec> {
        let place = self.waiting.iter().find(|(_, spec)| spec.job == job).map(|(place, _)| *place)?;
        self.remove(place)
    }

    /// Removes all jobs, most urgent first.
    pub fn clear(&mut self) -> Vec<JobSpec> {
        self.places.clear();
        std::mem::take(&mut self.waiting).into_values().collect()
    }

    /// Returns the priority of the most urgent job.
    pub fn first(&self) -> Option<Priority> {
        self.waiting.first_key_value().map(|(place, _)| place.priority())
    }

    /// Removes the most urgent job.
    pub fn next(&mut self) -> Option<JobSpec> {
        let (_, spec) = self.waiting.pop_first()?;
        self.places.remove(&spec.record);
        Some(spec)
    }

    fn remove(&mut self, place: Place) -> Option<JobSpec> {
        let spec = self.waiting.remove(&place)?;
        self.places.remove(&spec.record);
        Some(spec)
    }

    /// Returns true if this job is waiting.
    fn contains(&self, spec: &JobSpec) -> bool {
        let place = self.places.get(&spec.record);
        place.and_then(|place| self.waiting.get(place)).is_some_and(|waiting| waiting.job == spec.job)
    }

    fn ahead(&self) -> impl Iterator<Item = Place> {
        let places = self.waiting.range(Place::Prefetch(0)..=Place::Prefetch(u64::MAX));
        places.map(|(place, _)| *place)
    }

    fn count(&self, priority: Priority) -> usize {
        self.waiting.keys().filter(|place| place.priority() == priority).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::queue::tests::spec;

    const LIMIT: usize = 3;

    fn jobs(backlog: &mut Backlog) -> Vec<u64> {
        std::iter::from_fn(|| backlog.next()).map(|spec| spec.job.0).collect()
    }

    fn add(backlog: &mut Backlog, priority: Priority, job: u64, record: u32) -> Option<u64> {
        backlog.add(JobSpec { priority, ..spec(job, record) }).expect("room").map(|displaced| displaced.job.0)
    }

    #[test]
    fn interactive_jobs_come_first_then_prefetch_then_bulk() {
        let mut backlog = Backlog::new(LIMIT);
        add(&mut backlog, Priority::Bulk, 1, 12);
        add(&mut backlog, Priority::Bulk, 2, 11);
        add(&mut backlog, Priority::Prefetch, 3, 9);
        add(&mut backlog, Priority::Prefetch, 4, 8);
        add(&mut backlog, Priority::Interactive, 5, 30);
        add(&mut backlog, Priority::Interactive, 6, 40);
        assert_eq!(jobs(&mut backlog), [6, 5, 3, 4, 2, 1]);
    }

    #[test]
    fn a_repeated_job_is_promoted_and_never_demoted() {
        let mut backlog = Backlog::new(LIMIT);
        add(&mut backlog, Priority::Bulk, 1, 1);
        add(&mut backlog, Priority::Bulk, 2, 2);
        assert_eq!(add(&mut backlog, Priority::Interactive, 3, 2), Some(2));
        add(&mut backlog, Priority::Interactive, 4, 7);
        assert_eq!(add(&mut backlog, Priority::Bulk, 5, 2), Some(3));
        assert_eq!(jobs(&mut backlog), [4, 5, 1]);
    }

    #[test]
    fn repeating_a_job_does_not_displace_it() {
        let mut backlog = Backlog::new(LIMIT);
        add(&mut backlog, Priority::Bulk, 1, 1);
        assert_eq!(add(&mut backlog, Priority::Interactive, 1, 1), None);
        assert_eq!(jobs(&mut backlog), [1]);
    }

    #[test]
    fn a_job_over_the_limit_is_returned_with_an_error() {
        let mut backlog = Backlog::new(LIMIT);
        for record in 0..3 {
            add(&mut backlog, Priority::Bulk, record.into(), record);
        }
        let refused = backlog.add(spec(9, 9)).expect_err("no room");
        assert_eq!(*refused.spec, spec(9, 9));
        assert_eq!(
            refused.to_string(),
            "queue full: 3 descriptions of this priority are waiting; try again once some have finished"
        );
        // Each priority has its own limit.
        add(&mut backlog, Priority::Interactive, 10, 9);
        assert_eq!(jobs(&mut backlog), [10, 0, 1, 2]);
    }

    #[test]
    fn a_full_priority_accepts_newer_jobs_for_its_records() {
        let mut backlog = Backlog::new(LIMIT);
        for record in 0..3 {
            add(&mut backlog, Priority::Interactive, record.into(), record);
        }
        assert_eq!(add(&mut backlog, Priority::Interactive, 9, 0), Some(0));
        assert_eq!(jobs(&mut backlog), [9, 2, 1]);
    }

    #[test]
    fn new_prefetch_jobs_replace_the_old_ones() {
        let mut backlog = Backlog::new(LIMIT);
        add(&mut backlog, Priority::Prefetch, 1, 1);
        add(&mut backlog, Priority::Prefetch, 2, 2);
        add(&mut backlog, Priority::Interactive, 3, 3);
        let replaced = backlog.replace_ahead(vec![spec(4, 4), spec(2, 2), spec(5, 5), spec(6, 6)]);
        assert_eq!(replaced.displaced, [JobSpec { priority: Priority::Prefetch, ..spec(1, 1) }]);
        assert_eq!(replaced.refused.iter().map(|refused| refused.spec.job.0).collect::<Vec<_>>(), [6]);
        assert_eq!(jobs(&mut backlog), [3, 4, 2, 5]);
    }

    #[test]
    fn cancelling_removes_only_that_job() {
        let mut backlog = Backlog::new(LIMIT);
        add(&mut backlog, Priority::Bulk, 1, 1);
        add(&mut backlog, Priority::Bulk, 2, 1);
        assert_eq!(backlog.cancel(JobId(1)), None);
        assert_eq!(backlog.cancel(JobId(2)), Some(spec(2, 1)));
        assert_eq!(backlog.next(), None);
    }

    /// An operation on a backlog. Jobs are numbered in order.
    #[derive(Clone, Debug)]
    enum Step {
        Add(Priority, u32),
        /// The records to prefetch, and whether waiting jobs keep their number.
        Ahead(Vec<u32>, bool),
        Cancel(u64),
        Next,
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let priority = prop::sample::select(vec![Priority::Interactive, Priority::Prefetch, Priority::Bulk]);
        let step = prop_oneof![
            8 => (priority, 0_u32..10).prop_map(|(priority, record)| Step::Add(priority, record)),
            2 => (prop::collection::vec(0_u32..10, 0..5), any::<bool>())
                .prop_map(|(records, keep)| Step::Ahead(records, keep)),
            2 => (0_u64..40).prop_map(Step::Cancel),
            4 => Just(Step::Next),
            1 => Just(Step::Clear),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn every_accepted_job_leaves_exactly_once_and_limits_hold(steps in steps()) {
            let mut backlog = Backlog::new(LIMIT);
            let mut taken: HashSet<JobId> = HashSet::new();
            let mut left: Vec<JobId> = Vec::new();
            let mut numbers = (0..).map(JobId);
            let mut new_job = || numbers.next().expect("endless");
            for step in steps {
                match step {
                    Step::Add(priority, record) => {
                        let spec = JobSpec { job: new_job(), priority, ..spec(0, record) };
                        let before = backlog.waiting.clone();
                        if let Ok(displaced) = backlog.add(spec.clone()) {
                            taken.insert(spec.job);
                            left.extend(displaced.map(|displaced| displaced.job));
                            if priority == Priority::Interactive {
                                let next = backlog.waiting.first_key_value().map(|(_, next)| next);
                                prop_assert_eq!(next, Some(&spec));
                            }
                        } else {
                            prop_assert_eq!(&backlog.waiting, &before);
                        }
                    }
                    Step::Ahead(records, keep) => {
                        let specs: Vec<JobSpec> = records
                            .into_iter()
                            .map(|record| {
                                let waiting = backlog.places.get(&RecordId(record)).and_then(|place| backlog.waiting.get(place));
                                let job = waiting.filter(|_| keep).map_or_else(&mut new_job, |waiting| waiting.job);
                                JobSpec { job, ..spec(0, record) }
                            })
                            .collect();
                        let records: HashSet<RecordId> = specs.iter().map(|spec| spec.record).collect();
                        let replaced = backlog.replace_ahead(specs.clone());
                        let refused: HashSet<JobId> = replaced.refused.iter().map(|refused| refused.spec.job).collect();
                        taken.extend(specs.iter().map(|spec| spec.job).filter(|job| !refused.contains(job)));
                        left.extend(replaced.displaced.iter().map(|displaced| displaced.job));
                        for place in backlog.ahead() {
                            prop_assert!(records.contains(&backlog.waiting[&place].record));
                        }
                    }
                    Step::Cancel(job) => left.extend(backlog.cancel(JobId(job)).map(|cancelled| cancelled.job)),
                    Step::Next => {
                        let first = backlog.waiting.keys().next().map(|place| place.priority());
                        let most_urgent = backlog.waiting.keys().map(|place| place.priority()).min();
                        prop_assert_eq!(first, most_urgent);
                        left.extend(backlog.next().map(|next| next.job));
                    }
                    Step::Clear => left.extend(backlog.clear().into_iter().map(|cleared| cleared.job)),
                }
                for priority in [Priority::Interactive, Priority::Prefetch, Priority::Bulk] {
                    prop_assert!(backlog.count(priority) <= LIMIT);
                }
                prop_assert_eq!(backlog.places.len(), backlog.waiting.len());
            }
            left.extend(backlog.clear().into_iter().map(|cleared| cleared.job));
            let distinct: HashSet<JobId> = left.iter().copied().collect();
            prop_assert_eq!(distinct.len(), left.len(), "a job left twice");
            prop_assert_eq!(distinct, taken);
        }

        #[test]
        fn bulk_jobs_run_in_the_order_of_the_dataset(records in prop::collection::hash_set(0_u32..100, 0..20)) {
            let mut backlog = Backlog::new(20);
            for record in &records {
                add(&mut backlog, Priority::Bulk, u64::from(*record), *record);
            }
            prop_assert!(jobs(&mut backlog).is_sorted());
        }
    }
}
