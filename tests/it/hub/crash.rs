//! Whatever the moment of a power cut, the platform ends up with what an undisturbed run gives it, each effect once.

use std::sync::Arc;

use super::crashing::CrashingStore;
use super::school::School;

/// A history of two rounds with changes in between; `cut` is the crash point of the first round, if any.
fn history(cut: Option<i64>) -> (School, bool) {
    let school = School::new(12, 0);
    let died = match cut {
        None => {
            school.round();
            false
        }
        Some(at) => school.try_round(move |store| Arc::new(CrashingStore::new(store, at).0)).is_err(),
    };
    school.courses(0..14);
    school.round();
    (school, died)
}

#[test]
fn a_power_cut_at_any_commit_loses_nothing_and_doubles_nothing() {
    let (calm, _) = history(None);
    let (held, effects) = (calm.held(), calm.effects());
    let mut at = 0;
    loop {
        let (school, died) = history(Some(at));
        assert_eq!(school.held(), held, "crash point {at}");
        assert_eq!(school.effects(), effects, "crash point {at}: an effect came twice");
        let last = school.round();
        assert!(last.imbalances.is_empty(), "crash point {at}: {:?}", last.imbalances);
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 20, "only {at} crash points: the store is not asked through the wrapper");
}
