//! Providers in the environment and in `.env`.

use crate::support::Program;

async fn config(lines: &[&str]) -> crate::support::Ended {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(".env"), lines.join("\n")).unwrap();
    std::fs::write(home.path().join("secret"), "from a file\n").unwrap();
    Program::in_directory(home.path()).args(&["config"]).run().await
}

#[tokio::test]
async fn providers_are_shown_without_their_secrets() {
    let ended = config(&[
        "OAUTH_GOOGLE_CLIENT_ID=1234",
        "OAUTH_GOOGLE_CLIENT_SECRET='hu$h'",
        "OAUTH_MY_IDP_ISSUER=https://id.example.com",
        "OAUTH_MY_IDP_CLIENT_ID=auth",
        "OAUTH_MY_IDP_CLIENT_SECRET_FILE=secret",
        "OAUTH_MY_IDP_TRUST_EMAIL=always",
        "OAUTH_MY_IDP_DOMAINS=example.com,example.net",
        "OAUTH_MY_IDP_AUDIENCES=project",
        "OAUTH_MY_IDP_TRUST_AMR=true",
        "OAUTH_GITHUB_CLIENT_ID=",
    ])
    .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in [
        "OAUTH_GOOGLE_CLIENT_ID=1234  # .env",
        "OAUTH_GOOGLE_CLIENT_SECRET=(hidden)  # .env",
        "OAUTH_MY_IDP_ISSUER=https://id.example.com  # .env",
        "OAUTH_MY_IDP_TRUST_EMAIL=always  # .env",
        "OAUTH_MY_IDP_DOMAINS=example.com,example.net  # .env",
        "OAUTH_MY_IDP_AUDIENCES=project  # .env",
        "OAUTH_MY_IDP_TRUST_AMR=true  # .env",
        "OAUTH_SIGNUP=on  # default",
    ] {
        assert!(ended.stdout.contains(line), "{line} in {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("hu$h") && !ended.stdout.contains("from a file"));
    assert!(!ended.stdout.contains("OAUTH_GITHUB"), "what is empty is not there");
}

#[tokio::test]
async fn a_provider_that_cannot_work_is_named_with_what_is_missing() {
    let id = "OAUTH_IDP_CLIENT_ID=1";
    let secret = "OAUTH_IDP_CLIENT_SECRET=2";
    let issuer = "OAUTH_IDP_ISSUER=https://id.example.com";
    for (lines, part) in [
        (vec![id], "OAUTH_IDP_CLIENT_SECRET is needed"),
        (vec![secret], "OAUTH_IDP_CLIENT_ID is needed"),
        (vec![id, secret], "OAUTH_IDP_ISSUER is needed"),
        (
            vec![
                "OAUTH_GITHUB_CLIENT_ID=1",
                "OAUTH_GITHUB_CLIENT_SECRET=2",
                "OAUTH_GITHUB_BASE_URL=https://x.example",
            ],
            "OAUTH_GITHUB_API_URL is needed",
        ),
        (
            vec![id, secret, issuer, "OAUTH_IDP_CA_FILE=nowhere"],
            "OAUTH_IDP_CA_FILE names a file that cannot be read",
        ),
        (vec![id, secret, issuer, "OAUTH_IDP_TRUST_EMAIL=always"], "OAUTH_IDP_DOMAINS is needed"),
        (vec![id, secret, issuer, "OAUTH_IDP_TRUST_EMAIL=yes"], "OAUTH_IDP_TRUST_EMAIL is none of verified"),
        (
            vec![id, secret, issuer, "OAUTH_IDP_TRUST_AMR=mfa"],
            "OAUTH_IDP_TRUST_AMR is neither true nor false",
        ),
        (vec!["OAUTH_SIGNUP=maybe"], "OAUTH_SIGNUP (.env) is neither on nor off"),
    ] {
        let ended = config(&lines).await;
        assert_eq!(ended.code, Some(2), "{lines:?}: {}", ended.stdout);
        assert!(ended.stderr.contains(part), "{lines:?}: {}", ended.stderr);
    }
    let ended = config(&["OAUTH_IDP_SCOPE=email"]).await;
    assert!(
        ended.stderr.contains("OAUTH_IDP_SCOPE is no setting") || ended.stdout.contains("OAUTH_IDP_SCOPE"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn nobody_vouches_for_the_addresses_of_everybody() {
    for tenant in ["common", "organizations", "consumers"] {
        let home = tempfile::tempdir().unwrap();
        let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let program = Program::in_directory(home.path())
            .env("OAUTH_ENTRA_ISSUER", &issuer)
            .env("OAUTH_ENTRA_CLIENT_ID", "1")
            .env("OAUTH_ENTRA_CLIENT_SECRET", "hush")
            .env("OAUTH_ENTRA_TRUST_EMAIL", "always")
            .env("OAUTH_ENTRA_DOMAINS", "example.com");
        let ended = program.run().await;
        assert_eq!(ended.code, Some(2));
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(text.contains("`entra` has users of other tenants"), "{text}");
    }
}

#[tokio::test]
async fn a_start_with_a_provider_over_plain_http_elsewhere_ends_with_one_line() {
    let home = tempfile::tempdir().unwrap();
    let program = Program::in_directory(home.path())
        .env("OAUTH_IDP_ISSUER", "http://id.example.com")
        .env("OAUTH_IDP_CLIENT_ID", "1")
        .env("OAUTH_IDP_CLIENT_SECRET", "hush");
    let ended = program.run().await;
    assert_eq!(ended.code, Some(2));
    let text = format!("{}{}", ended.stdout, ended.stderr);
    assert!(text.contains("OAUTH") && text.contains("`idp` needs a whole https address"), "{text}");
    assert!(!text.contains("hush"));
}
