//! What somebody sees who starts the program by hand.

use tempfile::tempdir;

use crate::support::{Program, Server};

/// What a terminal shows, without colours.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap().to_owned();
    let rest =
        parts.map(|part| part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest));
    first + &rest.collect::<String>()
}

fn shown(server: &Server) -> Vec<String> {
    server
        .log()
        .lines()
        .iter()
        .map(|line| plain(line.trim_end()).trim_start_matches('\r').to_owned())
        .collect()
}

#[tokio::test]
async fn a_start_on_a_terminal_is_one_block_that_says_what_to_do_next_and_it_works() {
    let home = tempdir().unwrap();
    let server = Program::on_a_terminal(home.path(), "").start().await;
    server.log().wait_for("Ctrl-C").await;
    let block = shown(&server);
    assert!(block.len() <= 12, "{block:#?}");
    let url = server.origin();
    for row in [
        format!("auth-server {}, listening on {url}", env!("CARGO_PKG_VERSION")),
        format!("Try it       {url}/docs"),
        "Mail         is written to this log; SMTP_URL names a mail server".to_owned(),
        "Accounts     are in auth.db, the key in auth.key: back up both".to_owned(),
    ] {
        assert!(block.iter().any(|line| line.trim() == row), "{row} in {block:#?}");
    }
    assert!(!block.iter().any(|line| line.contains("INFO")), "{block:#?}");
    assert!(home.path().join("auth.key").exists());
    let advice = block.iter().find_map(|line| line.trim().strip_prefix("First admin")).unwrap();
    let words: Vec<&str> = advice.split_whitespace().skip(1).collect();
    let made = Program::in_directory(home.path()).args(&words).run().await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(made.stdout.contains("/reset-password#token="), "{}", made.stdout);

    // Lines of the log are short: no date, no name of the span, no id of 32 letters.
    let answer = server.client().get("/users/me").await;
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let line = plain(server.log().wait_for("answered").await.trim_end());
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.len() == 9 && time.ends_with('Z') && time.as_bytes()[2] == b':', "{line}");
    assert!(rest.contains("GET /users/me") && rest.contains(&format!("id={}", &id[..8])), "{line}");
    assert!(line.len() < 100 && !line.contains(id), "{line}");
    server.signal("TERM").await;
    server.wait().await;
}

#[tokio::test]
async fn the_block_says_what_is_true_of_this_start_and_its_commands_are_about_the_same_service() {
    let home = tempdir().unwrap();
    let words = "--database-url sqlite://other.db --service-name 'My Shop' --metrics-addr 127.0.0.1:0";
    let server = Program::on_a_terminal(home.path(), words).start().await;
    server.log().wait_for("Ctrl-C").await;
    let block = shown(&server);
    let row = |name: &str| block.iter().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let metrics = row("Metrics").unwrap();
    let number = metrics.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/metrics"));
    assert_ne!(number, Some("0"), "{metrics}");
    assert!(number.is_some_and(|number| number.parse::<u16>().is_ok()), "{metrics}");
    let advice = row("First admin").unwrap();
    assert!(advice.contains("'My Shop'") && !advice.contains("metrics"), "{advice}");
    // Copied into a shell it works, on the database of this server.
    let made = Program::through(home.path(), "sh", &["-c", advice]).run().await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(!home.path().join("auth.db").exists());
    // The terminal would leave it behind.
    server.signal("TERM").await;
    server.wait().await;

    let home = tempdir().unwrap();
    let program = Program::on_a_terminal(home.path(), "--secret-key kT0wYx8mZr3QvN5uLb7JcHf2GdSaPe9i");
    let program = program.env("UNIX_SOCKET", "socket").env("PUBLIC_URL", "https://auth.example.com");
    let server = program.start().await;
    server.log().wait_for("Ctrl-C").await;
    let block = shown(&server);
    assert!(block.iter().any(|line| line.ends_with("listening on unix:socket")), "{block:#?}");
    assert!(!block.iter().any(|line| line.contains("Try it") || line.contains("kT0w")), "{block:#?}");
    assert!(block.iter().any(|line| line.contains("--secret-key SECRET")), "{block:#?}");
    server.signal("TERM").await;
    server.wait().await;
}

#[tokio::test]
async fn in_a_pipe_a_start_is_lines_of_the_log_and_no_block() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("LOG_FORMAT", "human").start().await;
    let lines = server.log().lines();
    assert!(lines.iter().any(|line| line.contains("applied a migration")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("Ctrl-C") || line.contains('\u{1b}')), "{lines:#?}");
}

#[tokio::test]
async fn long_work_shows_how_far_it_is_on_a_terminal_and_nothing_in_a_pipe() {
    let home = tempdir().unwrap();
    let rows: Vec<_> = (0..2000).map(|n| format!("{{\"email\":\"{n}@example.com\"}}")).collect();
    std::fs::write(home.path().join("all.jsonl"), rows.join("\n")).unwrap();
    let sum = |rest: &str| format!("2000 rows: {rest}, 0 refused");
    let migrated = Program::on_a_terminal(home.path(), "migrate").run().await;
    assert!(migrated.stdout.contains("bringing the schema up to date"), "{}", migrated.stdout);
    assert!(migrated.stdout.contains("applied m0001_auth_user"));
    Program::in_directory(home.path()).start().await.kill().await;

    let seen = Program::on_a_terminal(home.path(), "users import all.jsonl").run().await;
    assert!(seen.stdout.contains("rows: ") && seen.stdout.contains('\u{1b}'), "{}", seen.stdout);
    assert!(
        plain(seen.stdout.lines().last().unwrap()).contains(&sum("2000 inserted, 0 already there")),
        "{}",
        seen.stdout
    );

    let unseen = Program::in_directory(home.path()).args(&["users", "import", "all.jsonl"]).run().await;
    let told = format!("{}\n", sum("0 inserted, 2000 already there"));
    assert_eq!((unseen.stdout, unseen.stderr), (told, String::new()));
    let unseen = Program::in_directory(home.path()).args(&["users", "export"]).run().await;
    assert_eq!(unseen.stdout.lines().count(), 2001);
    assert!(unseen.stderr.lines().all(|line| line.starts_with('{')), "lines of the log: {}", unseen.stderr);
    let seen = Program::on_a_terminal(home.path(), "users export > all.csv").run().await;
    assert!(seen.stdout.contains("accounts"), "{}", seen.stdout);
}
