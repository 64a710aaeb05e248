use serde_json::Value;
use tempfile::tempdir;

use crate::support::Program;

#[tokio::test]
async fn the_budget_for_hashing_is_told_at_the_start_and_too_many_slots_are_warned_about() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .args(&["--hash-slots=1024", "--hash-queue=7", "--hash-wait-ms=1500"])
        .start()
        .await;
    let line: Value =
        serde_json::from_str(&server.log().wait_for("are hashed within this budget").await).unwrap();
    let number = |name: &str| line[name].to_string();
    assert_eq!(["slots", "memory_mib", "queue", "wait_ms"].map(number), ["1024", "19456", "7", "1500"]);
    let warning = server.log().wait_for("HASH_SLOTS is 1024").await;
    assert!(warning.contains(r#""level":"WARN""#), "{warning}");
}

/// What the system has given a process, in MiB.
#[cfg(target_os = "linux")]
fn resident_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_for_hashing_is_made_when_needed_and_goes_back_to_the_system_each_time() {
    const SLOTS: u64 = 4;
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .args(&["--hash-slots=4", "--hash-wait-ms=60000", "--throttle=off"])
        .start()
        .await;
    server.client().get("/health/ready").await;
    let idle = resident_mib(server.id());
    assert!(idle < SLOTS * 19, "made before it is needed: {idle} MiB");
    for round in 0..3 {
        let logins = (0..4 * SLOTS).map(|_| {
            let client = server.client();
            tokio::spawn(async move { client.login("nobody@example.com").await.status })
        });
        for login in logins.collect::<Vec<_>>() {
            assert_eq!(login.await.unwrap(), 401);
        }
        let busy = resident_mib(server.id());
        assert!(busy <= idle + SLOTS * 20 + 15, "round {round}: {idle} MiB, then {busy}");
        let back = async {
            while resident_mib(server.id()) > idle + 10 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let back = tokio::time::timeout(crate::support::PATIENCE, back).await;
        assert!(back.is_ok(), "round {round}: {idle} MiB, still {}", resident_mib(server.id()));
    }
}
