//! The name under which a process holds leases, and whether the process of such a name is gone for good.
//!
//! A process that was killed cannot give its leases back. On the same machine that can be proven: the name says under which
//! boot and among which processes (PID namespace) it ran, its number, and when it began. Nothing is concluded about other
//! machines or containers, nor from a lost connection to the database: such a process may well be alive, and sign.

use rand::RngCore as _;

/// Host, process, where it runs, when it began, and chance: no two are alike.
pub(super) fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "hub" } else { host.trim() };
    let (pid, chance) = (std::process::id(), rand::rng().next_u32());
    match proof::own(pid) {
        Some((place, began)) => format!("{host}:{pid}:{place}:{began}:{chance:08x}"),
        None => format!("{host}:{pid}:{chance:08x}"),
    }
}

/// Whether the process of this name has certainly ended. `false` where nothing is known.
pub(super) fn is_gone(name: &str) -> bool {
    let parts: Vec<&str> = name.split(':').collect();
    let [_, pid, place, began, _] = parts[..] else { return false };
    let (Ok(pid), Ok(began)) = (pid.parse(), began.parse()) else { return false };
    proof::ran_here(place) && proof::has_ended(pid, began)
}

#[cfg(target_os = "linux")]
mod proof {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    use sha2::{Digest as _, Sha256};

    /// Where this process runs, and when it began.
    pub(super) fn own(pid: u32) -> Option<(String, u64)> {
        let began = Stat::of(i32::try_from(pid).ok()?)?.began;
        Some((place()?, began))
    }

    pub(super) fn ran_here(other: &str) -> bool {
        place().is_some_and(|own| own == other)
    }

    /// This boot of this machine, and the processes that this one can see.
    fn place() -> Option<String> {
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
        let among = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let mut hasher = Sha256::new();
        hasher.update(boot);
        hasher.update(among.as_os_str().as_encoded_bytes());
        Some(hex::encode(&hasher.finalize()[..8]))
    }

    /// No such process, or another under its number, or one of which only the entry is left.
    pub(super) fn has_ended(pid: i32, began: u64) -> bool {
        let Some(number) = Pid::from_raw(pid) else { return false };
        if test_kill_process(number) == Err(Errno::SRCH) {
            return true;
        }
        // Where nothing can be read it may be alive, and another user's.
        Stat::of(pid).is_some_and(|stat| stat.began != began || stat.is_over(pid))
    }

    struct Stat {
        state: char,
        /// Clock ticks from the boot to its beginning.
        began: u64,
    }

    impl Stat {
        fn of(pid: i32) -> Option<Self> {
            let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name before may hold anything.
            let (_, behind) = text.rsplit_once(')')?;
            let mut fields = behind.split_whitespace();
            let state = fields.next()?.chars().next()?;
            Some(Self { state, began: fields.nth(18)?.parse().ok()? })
        }

        /// Its first thread may be over while others go on.
        fn is_over(&self, pid: i32) -> bool {
            let alone = || std::fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|tasks| tasks.count() <= 1);
            matches!(self.state, 'Z' | 'X') && alone()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod proof {
    pub(super) fn own(_: u32) -> Option<(String, u64)> {
        None
    }

    pub(super) fn ran_here(_: &str) -> bool {
        false
    }

    pub(super) fn has_ended(_: i32, _: u64) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::{is_gone, own_name, proof};

    fn child() -> (Child, String) {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let (place, began) = proof::own(child.id()).unwrap();
        let name = format!("hub:{}:{place}:{began}:00000000", child.id());
        (child, name)
    }

    #[test]
    fn a_process_is_gone_once_it_is_dead_and_not_when_it_only_stands_still() {
        let (mut child, name) = child();
        assert!(!is_gone(&name));
        assert!(Command::new("kill").args(["-STOP", &child.id().to_string()]).status().unwrap().success());
        assert!(!is_gone(&name), "it may be woken");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&name));
    }

    #[test]
    fn one_that_nobody_has_waited_for_is_gone_too() {
        let (mut child, name) = child();
        child.kill().unwrap();
        while !is_gone(&name) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn nothing_is_concluded_of_what_ran_elsewhere_or_is_no_such_name() {
        let (mut child, name) = child();
        child.kill().unwrap();
        child.wait().unwrap();
        let parts: Vec<&str> = name.split(':').collect();
        let elsewhere = format!("hub:{}:{}:{}:0", parts[1], "0".repeat(16), parts[3]);
        for other in [elsewhere.as_str(), "one", "hub:1:2", "hub:x:y:z:0", ""] {
            assert!(!is_gone(other), "{other}");
        }
        assert!(!is_gone(&own_name()));
    }

    #[test]
    fn a_number_that_was_given_anew_is_another_process() {
        let (mut child, name) = child();
        let parts: Vec<&str> = name.split(':').collect();
        let former = format!("hub:{}:{}:{}:0", parts[1], parts[2], parts[3].parse::<u64>().unwrap() - 1);
        assert!(is_gone(&former) && !is_gone(&name));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
