//! In which order tables are read: parents before children, so that references find what they point to.

use std::collections::BTreeSet;

/// Groups jobs into levels: a job comes after every job that one of its dependencies names. Jobs of one level do not
/// depend on one another and may run side by side. Where tables refer to one another in a circle, the job with the
/// fewest open dependencies goes first; its missing parents are then held and re-run later.
///
/// `jobs[i]` is (table, tables it depends on); the result holds indices into `jobs`.
pub fn levels<T: Ord>(jobs: &[(T, BTreeSet<T>)]) -> Vec<Vec<usize>> {
    let mut open: Vec<usize> = (0..jobs.len()).collect();
    let mut levels = Vec::new();
    while !open.is_empty() {
        let waiting = |i: usize| -> usize {
            let (table, needs) = &jobs[i];
            needs.iter().filter(|need| *need != table && open.iter().any(|&j| jobs[j].0 == **need)).count()
        };
        let mut level: Vec<usize> = open.iter().copied().filter(|&i| waiting(i) == 0).collect();
        if level.is_empty() {
            level.extend(open.iter().copied().min_by_key(|&i| (waiting(i), i)));
        }
        open.retain(|i| !level.contains(i));
        levels.push(level);
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::levels;
    use std::collections::BTreeSet;

    fn job(table: &'static str, needs: &[&'static str]) -> (&'static str, BTreeSet<&'static str>) {
        (table, needs.iter().copied().collect())
    }

    #[test]
    fn parents_come_first_and_every_job_comes_once() {
        let jobs =
            [job("grade", &["student", "course"]), job("student", &["class"]), job("class", &[]), job("course", &["unmapped"])];
        assert_eq!(levels(&jobs), vec![vec![2, 3], vec![1], vec![0]]);
    }

    #[test]
    fn two_sources_of_one_table_share_a_level() {
        assert_eq!(levels(&[job("a", &[]), job("a", &[]), job("b", &["a"])]), vec![vec![0, 1], vec![2]]);
    }

    #[test]
    fn circles_are_broken_at_the_job_that_waits_for_least() {
        let jobs = [job("a", &["b", "c"]), job("b", &["a"]), job("c", &["a"]), job("self", &["self"])];
        let order: Vec<usize> = levels(&jobs).concat();
        assert_eq!(order.len(), 4);
        assert_eq!(order[0], 3);
        assert_eq!(order[1], 1);
    }
}
