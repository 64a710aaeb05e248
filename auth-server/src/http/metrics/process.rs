//! What the process takes, by the names that Prometheus' own client libraries have for it. By hand: the files of `/proc` are a few
//! lines, and the crates for it bring ten others for systems that the program is not run on.

use std::{fs, time::SystemTime};

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// Of a process that began at this time, in the text format of Prometheus. What cannot be read is left out.
pub(super) fn text(began: SystemTime) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = |name: &str| number_of(&status, name).map(|kibibytes| kibibytes * 1024.0);
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a process does not run for 2^53 ns of a second")]
    let cpu = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
    // The one that counts them is open too.
    let open = fs::read_dir("/proc/self/fd").map(|files| super::number(files.count().saturating_sub(1))).ok();
    #[expect(clippy::cast_precision_loss, reason = "no system lets a process have 2^53 files")]
    let most = getrlimit(Resource::Nofile).current.map(|most| most as f64);
    let began = began.duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs_f64()).ok();
    [
        ("process_cpu_seconds_total", "counter", "User and system time of the process.", Some(cpu)),
        ("process_resident_memory_bytes", "gauge", "Memory in use.", kibibytes("VmRSS:")),
        ("process_virtual_memory_bytes", "gauge", "Addresses in use.", kibibytes("VmSize:")),
        ("process_threads", "gauge", "Threads of the process.", number_of(&status, "Threads:")),
        ("process_open_fds", "gauge", "Files and sockets that are open.", open),
        ("process_max_fds", "gauge", "Files and sockets that may be open.", most),
        ("process_start_time_seconds", "gauge", "When the program began to answer, since 1970.", began),
    ]
    .into_iter()
    .filter_map(|(name, kind, help, value)| {
        let value = value?;
        Some(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n"))
    })
    .collect()
}

fn number_of(status: &str, name: &str) -> Option<f64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
