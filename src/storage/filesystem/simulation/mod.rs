//! The crash tests: for seeds times every point at which something can go wrong, what was
//! acknowledged is there afterwards, in order, once, and nothing else is half there.
//!
//! `REFINER_SIMULATION_SEEDS=n` runs that many seeds instead of the few that every test run takes.

mod exchanges;
mod harness;
mod removals;
mod verdict;

use self::harness::{Plan, damage, run};
use crate::disk::sabotage::Sabotage;
use crate::disk::simulated::{Fault, Kind};

/// Returns how many seeds to run.
fn seeds(default: u64) -> u64 {
    std::env::var("REFINER_SIMULATION_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(default)
}

fn plan(seed: u64, processes: usize) -> Plan {
    Plan {
        seed,
        processes,
        operations: 12 / processes + 2,
        fault: Fault::None,
        sabotage: None,
        power_cut_at_end: true,
        removals: false,
        exchanges: false,
        watches: false,
    }
}

/// A plan with resets, deletions and purges.
fn plan_with_removals(seed: u64, processes: usize) -> Plan {
    Plan { removals: true, ..plan(seed, processes) }
}

/// A plan with a person who exchanges folders.
fn plan_with_exchanges(seed: u64, processes: usize) -> Plan {
    Plan { exchanges: true, ..plan(seed, processes) }
}

/// Everything that can go wrong with an operation.
fn faults(at: usize, kind: Kind) -> Vec<Fault> {
    let mut faults = vec![Fault::PowerCut { at }, Fault::Kill { at }];
    if kind != Kind::Lock {
        faults.push(Fault::Error { at });
    }
    if matches!(kind, Kind::Write | Kind::Name) {
        faults.extend([1, 3].map(|writes| Fault::Full { at, writes }));
    }
    faults
}

/// Runs a plan without a fault and then with every fault at every operation. Returns how many runs
/// that were and the first that failed.
fn sweep(plan: Plan) -> (usize, Result<(), String>) {
    let kinds = match run(plan) {
        Ok(kinds) => kinds,
        Err(problem) => return (1, Err(problem)),
    };
    let mut runs = 1;
    for (at, kind) in kinds.into_iter().enumerate() {
        for fault in faults(at, kind) {
            for power_cut_at_end in [true, false] {
                runs += 1;
                if let Err(problem) = run(Plan { fault, power_cut_at_end, ..plan }) {
                    return (runs, Err(problem));
                }
            }
        }
    }
    (runs, Ok(()))
}

fn survives(plans: impl Iterator<Item = Plan>) {
    let mut runs = 0;
    for plan in plans {
        let (ran, result) = sweep(plan);
        runs += ran;
        result.unwrap_or_else(|problem| panic!("{problem}"));
    }
    println!("{runs} runs");
}

#[test]
fn one_process_survives_every_fault_at_every_operation() {
    survives((0..seeds(3)).map(|seed| plan(seed, 1)));
}

#[test]
fn two_processes_survive_every_fault_at_every_operation() {
    survives((0..seeds(1)).map(|seed| plan(seed, 2)));
}

#[test]
fn three_processes_survive_every_fault_at_every_operation() {
    survives((0..seeds(1)).map(|seed| plan(seed, 3)));
}

/// Goal: what is removed is, whatever happens meanwhile, and nothing else is.
#[test]
fn resets_deletions_and_purges_survive_every_fault_at_every_operation() {
    survives((0..seeds(6)).map(|seed| plan_with_removals(seed, 1)));
}

#[test]
fn two_processes_that_remove_and_save_survive_every_fault_at_every_operation() {
    survives((0..seeds(1)).map(|seed| plan_with_removals(seed, 2)));
}

#[test]
fn three_processes_that_remove_and_save_survive_every_fault_at_every_operation() {
    survives((0..seeds(1)).map(|seed| plan_with_removals(seed, 3)));
}

/// Goal: nothing that is acknowledged after the last exchange is lost, and nothing is acknowledged
/// twice. Method: many seeds without a fault, since what goes wrong is the exchange.
fn survives_exchanges(processes: usize, seeds: u64) -> Result<(), String> {
    (0..seeds).try_for_each(|seed| run(plan_with_exchanges(seed, processes)).map(drop))
}

#[test]
fn one_process_survives_folders_that_are_exchanged_underneath() {
    survives_exchanges(1, seeds(300)).unwrap();
}

#[test]
fn two_processes_survive_folders_that_are_exchanged_underneath() {
    survives_exchanges(2, seeds(300)).unwrap();
}

#[test]
fn three_processes_survive_folders_that_are_exchanged_underneath() {
    survives_exchanges(3, seeds(300)).unwrap();
}

#[test]
fn exchanged_folders_and_faults_at_every_operation_are_survived_together() {
    survives((0..seeds(1)).map(|seed| plan_with_exchanges(seed, 2)));
}

#[test]
fn a_lock_that_is_not_compared_with_its_path_is_noticed() {
    let planted =
        |seed| Plan { sabotage: Some(Sabotage::NoComparison), ..plan_with_exchanges(seed, 2) };
    assert!((0..300).any(|seed| run(planted(seed)).is_err()), "it went unnoticed");
}

/// Method: many seeds without a fault, since what goes wrong is the order of two processes.
#[test]
fn no_projection_is_replaced_by_an_older_one() {
    let plan = |seed, processes| Plan { watches: true, ..plan(seed, processes) };
    for processes in [2, 3] {
        (0..seeds(150)).try_for_each(|seed| run(plan(seed, processes)).map(drop)).unwrap();
    }
    let planted = |seed| Plan { sabotage: Some(Sabotage::OlderProjection), ..plan(seed, 2) };
    let noticed = |seed| run(planted(seed)).is_err_and(|problem| problem.contains("went back"));
    assert!((0..300).any(noticed), "an older projection over a newer one went unnoticed");
}

/// Goal: what was acknowledged and is damaged later is reported and never cut. Method: flip a bit
/// anywhere in the newest segment.
#[test]
fn a_flipped_bit_is_reported_and_nothing_is_cut() {
    for seed in 0..seeds(200) {
        damage(plan(seed, 1)).unwrap_or_else(|problem| panic!("{problem}"));
    }
}

#[test]
fn a_cut_of_any_bad_line_is_noticed() {
    let planted = |seed| damage(Plan { sabotage: Some(Sabotage::CutAnyBadLine), ..plan(seed, 1) });
    assert!((0..200).any(|seed| planted(seed).is_err()), "it went unnoticed");
}

/// Returns whether the sweep notices a planted bug within some seeds after the first.
fn notices(sabotage: Sabotage, processes: usize, first: u64) -> bool {
    let removals = matches!(
        sabotage,
        Sabotage::TakenBeforeEntry
            | Sabotage::MarkedBefore
            | Sabotage::DestroyedBefore
            | Sabotage::OwnBeforeNext
    );
    let plan = |seed| Plan { sabotage: Some(sabotage), removals, ..plan(seed, processes) };
    let noticing = (first..first + 40).find(|seed| sweep(plan(*seed)).1.is_err());
    println!("{sabotage:?} is noticed with seed {noticing:?}");
    noticing.is_some()
}

macro_rules! plants {
    ($($test:ident: $sabotage:ident in $processes:literal from $first:literal;)*) => {
        $(
            #[test]
            fn $test() {
                assert!(notices(Sabotage::$sabotage, $processes, $first), "{:?} went unnoticed", Sabotage::$sabotage);
            }
        )*
    };
}

plants! {
    a_missing_flush_is_noticed: NoFlush in 1 from 0;
    a_missing_flush_of_names_is_noticed: NoNameFlush in 1 from 0;
    a_failed_flush_that_is_repeated_is_noticed: FlushRepeated in 1 from 0;
    trust_in_the_page_cache_is_noticed: TrustPageCache in 2 from 0;
    a_torn_end_that_is_not_cut_is_noticed: NoCut in 1 from 0;
    a_cut_without_the_lock_is_noticed: CutWithoutLock in 2 from 0;
    trust_in_projections_is_noticed: TrustProjections in 1 from 0;
    files_taken_before_their_entry_is_stored_are_noticed: TakenBeforeEntry in 1 from 0;
    a_removal_that_is_marked_before_it_is_done_is_noticed: MarkedBefore in 1 from 0;
    a_purge_that_destroys_before_the_count_is_kept_is_noticed: DestroyedBefore in 1 from 0;
    a_segment_looked_at_before_its_follower_is_noticed: OwnBeforeNext in 2 from 5;
}
