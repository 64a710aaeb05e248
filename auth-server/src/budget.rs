//! What hashing may take at most, and whether this process has it.

use std::{fs, thread};

use auth_core::{Config, password::Argon2Hasher};

/// What everything but hashing takes under load, generously, in MiB.
const REST_MIB: u64 = 32;

/// Says what the settings amount to, and warns if it does not fit.
pub(crate) fn report(config: &Config) {
    let slots = config.hash_slots;
    let each = u64::from(Argon2Hasher::default().memory_kib()) / 1024;
    let hashing_mib = each.saturating_mul(slots as u64);
    tracing::info!(
        slots,
        memory_mib = hashing_mib,
        queue = config.hash_queue,
        wait_ms = u64::try_from(config.hash_wait.as_millis()).unwrap_or(u64::MAX),
        "passwords are hashed within this budget"
    );
    let read = |path: &str| fs::read_to_string(path).ok();
    let limit = read("/proc/self/cgroup").and_then(|groups| memory_limit(&groups, read));
    if let Some(warning) = limit.and_then(|limit| does_not_fit(slots as u64, each, limit)) {
        tracing::warn!("{warning}");
    }
    // Knows affinity and the CPU quota of the control group.
    let cores = thread::available_parallelism().map_or(slots, usize::from);
    if slots > cores {
        tracing::warn!(
            "HASH_SLOTS is {slots}, and this process may use {cores} of the CPUs: more at once make no login faster; \
             set HASH_SLOTS={cores} or leave it out"
        );
    }
}

/// The least memory in bytes that any of the control groups of a process allows it: its own and those around it, of
/// version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`). In a container the path of the group may be the host's,
/// which does not exist inside; what limits the container is at the top then.
fn memory_limit(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let mut least = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (mount, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let mut group = path.trim_end_matches('/');
        loop {
            // `max`, which is no number, stands for none.
            let limit = read(&format!("{mount}{group}/{file}")).and_then(|text| text.trim().parse().ok());
            least = least.into_iter().chain(limit).min();
            let Some((parent, _)) = group.rsplit_once('/') else { break };
            group = parent;
        }
    }
    least
}

fn does_not_fit(slots: u64, each_mib: u64, limit: u64) -> Option<String> {
    let limit_mib = limit / (1024 * 1024);
    let needed = slots.saturating_mul(each_mib).saturating_add(REST_MIB);
    if needed <= limit_mib {
        return None;
    }
    let fitting = limit_mib.saturating_sub(REST_MIB) / each_mib;
    let fix = match fitting {
        0 => format!("allow it {} MiB", each_mib.saturating_add(REST_MIB)),
        fitting => format!("set HASH_SLOTS={fitting}, or allow it {needed} MiB"),
    };
    Some(format!(
        "HASH_SLOTS is {slots}: with {each_mib} MiB each and {REST_MIB} MiB for the rest that is more than the {limit_mib} \
         MiB that this process may use; under load it would be killed: {fix}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn limit(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        memory_limit(groups, |path| {
            files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_least_limit_of_the_groups_around_a_process_counts() {
        // systemd, version 2: the slice is tighter than the unit.
        assert_eq!(
            limit(
                "0::/system.slice/auth.service\n",
                &[
                    ("/sys/fs/cgroup/system.slice/auth.service/memory.max", "1073741824\n"),
                    ("/sys/fs/cgroup/system.slice/memory.max", "536870912\n"),
                    ("/sys/fs/cgroup/memory.max", "max\n"),
                ]
            ),
            Some(512 * MIB)
        );
        // A container with a view of its own, version 2.
        assert_eq!(limit("0::/\n", &[("/sys/fs/cgroup/memory.max", "268435456\n")]), Some(256 * MIB));
        // A container that sees the host's paths, version 1.
        let groups =
            "12:cpu,cpuacct:/docker/0a1b\n9:name=systemd:/docker/0a1b\n4:hugetlb,memory:/docker/0a1b\n0::/\n";
        let files = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n")];
        assert_eq!(limit(groups, &files), Some(128 * MIB));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        assert_eq!(limit("0::/user.slice\n", &[("/sys/fs/cgroup/user.slice/memory.max", "max\n")]), None);
        assert_eq!(limit("", &[]), None);
        assert_eq!(limit("nonsense\n3:memory\n::\n", &[("/sys/fs/cgroup/memory.max", "lots")]), None);
        // What version 1 writes for none: more than any machine has.
        let files = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")];
        let limit = limit("4:memory:/\n", &files).unwrap();
        assert_eq!(does_not_fit(1024, 19, limit), None);
    }

    #[test]
    fn a_budget_beyond_the_limit_is_warned_about_with_what_would_fit() {
        assert_eq!(does_not_fit(2, 19, 70 * MIB), None);
        let warning = does_not_fit(3, 19, 70 * MIB).unwrap();
        assert!(
            warning.contains("70 MiB") && warning.ends_with("set HASH_SLOTS=2, or allow it 89 MiB"),
            "{warning}"
        );
        let warning = does_not_fit(1, 19, 32 * MIB).unwrap();
        assert!(warning.ends_with("allow it 51 MiB"), "{warning}");
    }
}
