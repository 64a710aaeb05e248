//! What is printed, and the exit status.

use serde_json::json;

use super::{Installation, OF_THE_MACHINE, findings};
use crate::support::Ended;

async fn run(installation: &Installation, arguments: &[&str]) -> Ended {
    installation.program().args(&["check"]).args(arguments).run().await
}

#[tokio::test]
async fn findings_are_two_lines_each_the_worst_first_or_objects_of_json() {
    let settings = [("PORT", "x"), ("HASH_SLOTS", "1024"), ("ALGORITHM", "EdDSA")];
    let installation = Installation::good().await.with(&settings);
    let ended = run(&installation, &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), ""));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let blocks: Vec<_> = lines.chunks(2).collect();
    let blocks = blocks.iter().filter(|block| !OF_THE_MACHINE.iter().any(|code| block[0].contains(code)));
    let expected = [
        ["error   setting: PORT (environment) is not a whole number", "  fix: change it"],
        ["warning hash_slots_above_cores: HASH_SLOTS is 1024", "  fix: set HASH_SLOTS="],
        ["note    key_ring_empty: the key ring is to sign", "  fix: nothing is to be done"],
    ];
    assert_eq!(blocks.clone().count(), expected.len(), "{}", ended.stdout);
    for (block, expected) in blocks.zip(expected) {
        assert!(block[0].starts_with(expected[0]) && block[1].starts_with(expected[1]), "{block:?}");
    }
    let found = findings(&run(&installation, &["--json"]).await);
    let first = json!({
        "code": "setting",
        "severity": "error",
        "problem": "PORT (environment) is not a whole number from 0 to 65535; the default is 8000",
        "fix": "change it; the start is refused as it is",
    });
    assert_eq!(found[0], first);
}

#[tokio::test]
async fn the_exit_status_tells_how_bad_the_worst_is() {
    for (settings, code) in [
        (&[][..], 0),
        (&[("LOG_LEVEL", "debug")], 0),
        (&[("TRUSTED_PROXIES", "")], 1),
        (&[("TRUSTED_PROXIES", ""), ("DATABASE_URL", "sqlite://missing/auth.db")], 2),
    ] {
        let installation = Installation::good().await.with(settings);
        // With slots that fit any machine, so that nothing of the machine is a warning.
        assert_eq!(run(&installation, &[]).await.code, Some(code), "{settings:?}");
    }
}
