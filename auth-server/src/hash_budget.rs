//! What hashing may take at most, and whether this process has it.

use std::{fs, thread};

use auth_core::{Config, Finding, Severity, password::Argon2Hasher};

use crate::logging::STARTING;

/// What everything but hashing takes under load, generously, in MiB.
const REST_MIB: u64 = 32;

/// Says what the settings amount to, and warns if it does not fit.
pub(crate) fn report(config: &Config) {
    tracing::info!(
        target: STARTING,
        slots = config.hashing.slots,
        memory_mib = each_mib().saturating_mul(config.hashing.slots as u64),
        queue = config.hashing.queue,
        wait_ms = u64::try_from(config.hashing.wait.as_millis()).unwrap_or(u64::MAX),
        "passwords are hashed within this budget"
    );
    for finding in findings(config) {
        if finding.severity == Severity::Note {
            tracing::info!("{finding}");
        } else {
            tracing::warn!("{finding}");
        }
    }
}

/// What does not fit.
pub(crate) fn findings(config: &Config) -> Vec<Finding> {
    let slots = config.hashing.slots as u64;
    let read = |path: &str| fs::read_to_string(path).ok();
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    // Knows affinity and the CPU quota of the control group.
    let cores = thread::available_parallelism().map_or(config.hashing.slots, usize::from) as u64;
    let memory = memory_limit(&groups, read).and_then(|limit| does_not_fit(slots, each_mib(), limit));
    let quota = cpu_quota(&groups, read).and_then(|quota| stands_still(slots, quota));
    memory.into_iter().chain(too_many(slots, cores)).chain(quota).collect()
}

fn each_mib() -> u64 {
    u64::from(Argon2Hasher::default().memory_kib()) / 1024
}

/// The least memory in bytes that any of the control groups of a process allows it: its own and those around it, of
/// version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`).
fn memory_limit(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let files = files(groups, "memory.max", "memory", "memory.limit_in_bytes");
    // `max`, which is no number, stands for none.
    files.iter().filter_map(|file| read(file)?.trim().parse().ok()).min()
}

/// The least processor time that any of the control groups of a process allows it, in hundredths of a core: `cpu.max` of
/// version 2, which is time and period in microseconds.
fn cpu_quota(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let hundredths = |text: String| {
        let (time, period) = text.trim().split_once(' ')?;
        let (time, period): (u64, u64) = (time.parse().ok()?, period.parse().ok()?);
        time.saturating_mul(100).checked_div(period)
    };
    let files = files(groups, "cpu.max", "", "");
    files.iter().filter_map(|file| hundredths(read(file)?)).min()
}

/// The files with a limit of the control groups of a process, `name` in version 2, and in version 1 `old_name` of the
/// controller. In a container the path of the group may be the host's, which does not exist inside; what limits the
/// container is at the top then.
fn files(groups: &str, name: &str, controller: &str, old_name: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (mount, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup".to_owned(), name)
        } else if controllers.split(',').any(|one| one == controller) {
            (format!("/sys/fs/cgroup/{controller}"), old_name)
        } else {
            continue;
        };
        let mut group = path.trim_end_matches('/');
        loop {
            files.push(format!("{mount}{group}/{file}"));
            let Some((parent, _)) = group.rsplit_once('/') else { break };
            group = parent;
        }
    }
    files
}

fn does_not_fit(slots: u64, each_mib: u64, limit: u64) -> Option<Finding> {
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
    let problem = format!(
        "HASH_SLOTS is {slots}: with {each_mib} MiB each and {REST_MIB} MiB for the rest that is more than the {limit_mib} \
         MiB that this process may use; under load it would be killed"
    );
    Some(Finding::warning("memory_limit", problem, fix))
}

fn too_many(slots: u64, cores: u64) -> Option<Finding> {
    (slots > cores).then(|| {
        Finding::warning(
            "hash_slots_above_cores",
            format!(
                "HASH_SLOTS is {slots}, and this process may use {cores} of the CPUs: more at once make no login faster"
            ),
            format!("set HASH_SLOTS={cores} or leave it out"),
        )
    })
}

fn stands_still(slots: u64, quota: u64) -> Option<Finding> {
    (slots.saturating_mul(100) >= quota).then(|| {
        let cores = format!("{}.{:02}", quota / 100, quota % 100);
        Finding::note(
            "cpu_quota",
            format!(
                "hashing alone, with HASH_SLOTS of {slots}, may use up the quota of {cores} CPUs; then the whole process \
                 stands still until the next period"
            ),
            "allow a CPU more than slots, or give whole CPUs (cpuset) instead of a quota",
        )
    })
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
        assert_eq!(warning.code, "memory_limit");
        let warning = warning.to_string();
        assert!(
            warning.contains("70 MiB") && warning.ends_with("set HASH_SLOTS=2, or allow it 89 MiB"),
            "{warning}"
        );
        let warning = does_not_fit(1, 19, 32 * MIB).unwrap().to_string();
        assert!(warning.ends_with("allow it 51 MiB"), "{warning}");
    }
    #[test]
    fn a_quota_that_hashing_alone_uses_up_is_told() {
        let quota = |files: &[(&str, &str)]| {
            cpu_quota("4:memory:/x\n0::/a/b\n", |path| {
                files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned())
            })
        };
        assert_eq!(quota(&[("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n")]), None);
        let files = [
            ("/sys/fs/cgroup/a/b/cpu.max", "250000 100000\n"),
            ("/sys/fs/cgroup/cpu.max", "400000 100000\n"),
        ];
        assert_eq!(quota(&files), Some(250));
        assert_eq!(stands_still(2, 250), None);
        let note = stands_still(3, 250).unwrap();
        assert_eq!(note.code, "cpu_quota");
        assert!(note.problem.contains("2.50 CPUs"), "{note}");
    }
}
