//! What a room costs the rest of the house: the files outside of its own folders that name it, each with the reason.

use super::sources;

/// A room, the words that it is named by, and the shared files that may.
struct Shared {
    room: &'static str,
    words: &'static [&'static str],
    files: &'static [(&'static str, &'static str)],
}

const ROOMS: &[Shared] = &[
    Shared {
        room: "oidc",
        words: &["oidc", "OAUTH_", "auth_oauth", "Identity", "auth_identity"],
        files: &[
            ("auth-core/event.rs", "rows of its events"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/mail/mod.rs", "rows of its mails"),
            ("auth-core/mail/text.rs", "their text"),
            ("auth-core/manual/mod.rs", "its page"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-server/config/dotenv.rs", "settings whose names a provider is part of"),
            ("auth-server/config/mod.rs", "reads them"),
            ("auth-server/config/settings/mod.rs", "rows of its settings"),
            ("auth-server/error.rs", "what the library calls them"),
            ("auth-server/handle.rs", "switches it on"),
            (
                "auth-tower/endpoint/account/export.rs",
                "the shape of its rows in an export, also without the feature",
            ),
            ("auth-tower/endpoint/admin.rs", "the shape of what has new roles by a change"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/lib.rs", "what is unused without the feature"),
            ("auth-tower/pages/factor/confirm.rs", "who has nothing else signs in there once more"),
            ("auth-tower/pages/mod.rs", "pages with and without it"),
            ("auth-tower/pages/route.rs", "the list of pages"),
            ("auth-tower/pages/security.rs", "the section of the page"),
            ("auth-tower/pages/sign_in.rs", "the buttons"),
            ("auth-tower/pages/sign_up.rs", "the buttons"),
            ("migration/lib.rs", "the file of its table"),
            ("migration/migrator.rs", "the list of migrations"),
        ],
    },
    Shared {
        room: "verify_email",
        words: &["verify_email", "VerifyEmail", "VERIFY_EMAIL"],
        files: &[
            ("auth-core/config/mail.rs", "where its link leads"),
            ("auth-core/flow/gate.rs", "a link that was lost is sent again"),
            ("auth-core/flow/register.rs", "the first link"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/mail/mod.rs", "the row of its mail"),
            ("auth-core/mail/text.rs", "its text"),
            ("auth-core/room/factor/enrol.rs", "a factor wants a proved address: the link is sent"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-server/cli.rs", "which settings a command looks at"),
            ("auth-server/command/check/mail.rs", "whether its page can be reached"),
            ("auth-server/config/mail.rs", "its setting"),
            ("auth-server/config/settings/mod.rs", "the row of its setting"),
            ("auth-server/handle.rs", "the page of its own"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/pages/mod.rs", "the page of its link"),
            ("auth-tower/pages/route.rs", "the list of pages"),
        ],
    },
    Shared {
        room: "email_code",
        words: &["email_code", "EmailSignIn", "EmailCode", "SignInCode", "EMAIL_SIGN_IN"],
        files: &[
            ("auth-core/builder.rs", "it needs a mailer"),
            ("auth-core/config/mod.rs", "its settings"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/mail/mod.rs", "the row of its mail"),
            ("auth-core/mail/text.rs", "its text"),
            ("auth-core/manual/mod.rs", "its page"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-server/command/check/mail.rs", "whether its page can be reached"),
            ("auth-server/config/settings/mod.rs", "rows of its settings"),
            ("auth-server/handle.rs", "the pages that it leads to"),
            ("auth-tower/endpoint/account/export.rs", "the shape of its rows in an export"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/pages/code.rs", "the page for people"),
            ("auth-tower/pages/link.rs", "the page of its link"),
            ("migration/lib.rs", "the file of its table"),
            ("migration/migrator.rs", "the list of migrations"),
        ],
    },
    Shared {
        room: "factor",
        words: &[
            "room::factor",
            "room::{factor",
            "factor::",
            "totp",
            "TOTP",
            "recovery_code",
            "RecoveryCode",
        ],
        files: &[
            ("auth-core/config/factors.rs", "its settings"),
            ("auth-core/event.rs", "rows of its events"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/mail/mod.rs", "rows of its mails"),
            ("auth-core/mail/text.rs", "their text"),
            ("auth-core/room/import/mod.rs", "secrets of apps move with their accounts"),
            ("auth-core/room/import/record.rs", "the same, in a row"),
            ("auth-core/room/import/validate.rs", "whether one can be used"),
            ("auth-core/room/import/write.rs", "writes them"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-server/command/users/document.rs", "the same in a file"),
            ("auth-server/command/users/export.rs", "with the flag that brings hashes"),
            ("auth-server/command/users/rows.rs", "reads them"),
            ("auth-server/config/settings/mod.rs", "rows of its settings"),
            ("auth-tower/endpoint/account/export.rs", "the shape of its rows in an export"),
            ("auth-tower/endpoint/answer.rs", "tokens that come with the first recovery codes"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/endpoint/passkey/mod.rs", "the doors of its passkeys"),
            ("auth-tower/endpoint/passkey/own.rs", "those of an account"),
            ("auth-tower/endpoint/passkey/sign_in.rs", "a sign-in with one"),
            (
                "auth-tower/endpoint/step_up.rs",
                "shows one of its factors, or the password where there is none",
            ),
            ("auth-tower/openapi/problems.rs", "an example of what a challenge asks for"),
            ("auth-tower/pages/admin/mod.rs", "where recent proof is shown"),
            ("auth-tower/pages/admin/user.rs", "what somebody has"),
            ("auth-tower/pages/ask.rs", "whether a password is asked for again"),
            ("auth-tower/pages/route.rs", "the list of pages"),
            ("auth-tower/pages/security.rs", "whether there is one"),
            ("auth-tower/pages/sign_in.rs", "a sign-in goes on with the second step"),
            ("auth-tower/pages/visitor.rs", "a session goes on with it, where it became due"),
            ("migration/migrator.rs", "the list of migrations"),
        ],
    },
    // What a caller without a session is, and the form of a key, the kernel knows.
    Shared {
        room: "machine",
        words: &["machine::", "mod machine", "ServiceAccount", "service_account"],
        files: &[
            ("auth-core/event.rs", "rows of its events"),
            ("auth-core/manual/mod.rs", "its page"),
            ("auth-core/room/mod.rs", "the list of rooms, and what it remembers"),
            ("auth-server/command/machines.rs", "the commands"),
            ("auth-server/command/mod.rs", "the commands"),
            ("auth-tower/authenticate/verification.rs", "looks a key up for a layer"),
            ("auth-tower/endpoint/account/me.rs", "a key tells whose it is"),
            ("auth-tower/endpoint/events.rs", "the scope that the feed asks for"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/endpoint/verify.rs", "what a scope is"),
            ("auth-tower/pages/admin/nav.rs", "the way to its pages"),
            ("auth-tower/pages/mod.rs", "the folder of its pages"),
            ("auth-tower/pages/route.rs", "the list of pages"),
            ("auth-tower/pages/security.rs", "the way to it"),
            ("auth-tower/service/mod.rs", "looks a key up for a door"),
        ],
    },
    Shared {
        room: "news",
        words: &["news::ROOM", "webhook", "Webhook", "WEBHOOK"],
        files: &[
            ("auth-core/event.rs", "rows of its events"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/mail/mod.rs", "the row of its mail"),
            ("auth-core/mail/text.rs", "its text"),
            ("auth-core/manual/mod.rs", "its page"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-server/config/settings/mod.rs", "rows of its settings"),
            ("auth-server/handle.rs", "switches it on"),
            ("auth-server/http/metrics/mod.rs", "explains its numbers"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/lib.rs", "what is unused without the feature"),
            ("auth-tower/pages/admin/nav.rs", "the way to its pages"),
            ("auth-tower/pages/mod.rs", "the folder of its pages"),
            ("auth-tower/pages/route.rs", "the list of pages"),
            ("auth-tower/pages/words.rs", "its refusals in words"),
            ("migration/lib.rs", "the file of its tables"),
            ("migration/migrator.rs", "the list of migrations"),
        ],
    },
    Shared {
        room: "browser",
        words: &["browser::", "mod browser", "verify_browser", "BrowserDoor", "BrowserCaller", "BROWSER_"],
        files: &[
            ("auth-core/key_ring/in_force.rs", "what its token is made with"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/manual/mod.rs", "its page"),
            ("auth-core/room/mod.rs", "the list of rooms, and what it remembers"),
            ("auth-core/token/mod.rs", "its token"),
            ("auth-server/command/check/http.rs", "its findings"),
            ("auth-server/config/mod.rs", "its settings, and what they need"),
            ("auth-server/config/settings/mod.rs", "rows of its settings"),
            ("auth-server/start.rs", "switches it on"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/lib.rs", "gives it away"),
            ("auth-tower/service/builder.rs", "switches it on"),
        ],
    },
    // What an account tells is read, written, found and moved with the account, so its values and statements are the kernel's.
    Shared {
        room: "profile",
        words: &[
            "profile::ROOM",
            "profile::DOORS",
            "ProfileChange",
            "auth_profile",
            "Username",
            "USERNAME",
            "insert_profiles",
            "find_profile",
        ],
        files: &[
            ("auth-core/audit/mod.rs", "what stands for a name that nobody has"),
            ("auth-core/config/claims.rs", "what tokens tell of one"),
            ("auth-core/event.rs", "the row of its event"),
            ("auth-core/flow/login.rs", "a sign-in by a user name"),
            ("auth-core/flow/profile.rs", "what is read with an account, and changed with it"),
            ("auth-core/flow/register.rs", "what an account begins with"),
            ("auth-core/flow/user.rs", "what an administrator changes"),
            ("auth-core/kernel/attempt.rs", "guesses by a user name are counted"),
            ("auth-core/kernel/hook.rs", "is read for what tokens tell"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/profile/mod.rs", "the value, and its rules"),
            ("auth-core/profile/username.rs", "the rule of user names"),
            ("auth-core/refusal.rs", "a name that is taken, to whoever makes an account"),
            ("auth-core/room/admin/create.rs", "what an account begins with that is made for somebody"),
            ("auth-core/room/admin/list.rs", "accounts are found by it"),
            ("auth-core/room/import/mod.rs", "moves out with its account"),
            ("auth-core/room/import/store.rs", "and in"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-core/store/entity/profile.rs", "its table"),
            ("auth-core/store/mod.rs", "its statements"),
            ("auth-core/store/profile.rs", "the same"),
            ("auth-core/store/users.rs", "accounts are found by it"),
            ("auth-core/token/device.rs", "what stands for a user name where guesses are counted"),
            ("auth-server/command/users/mod.rs", "the command"),
            ("auth-server/config/settings/mod.rs", "rows of its settings"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/pages/account.rs", "the page that shows and changes it"),
            ("auth-tower/pages/sign_up.rs", "what an account begins with"),
            ("auth-tower/pages/speak.rs", "the language of the menu"),
            ("migration/lib.rs", "the file of its table"),
            ("migration/migrator.rs", "the list of migrations"),
        ],
    },
    Shared {
        room: "reset_password",
        words: &["reset_password", "ResetPassword", "RESET_PASSWORD"],
        files: &[
            ("auth-core/config/mail.rs", "where its link leads"),
            ("auth-core/mail/mod.rs", "the row of its mail"),
            ("auth-core/mail/text.rs", "its text"),
            ("auth-core/room/admin/create.rs", "an invitation is such a link"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-server/cli.rs", "the command"),
            ("auth-server/command/check/mail.rs", "whether its page can be reached"),
            ("auth-server/command/users/mod.rs", "the command"),
            ("auth-server/config/mail.rs", "its setting"),
            ("auth-server/config/settings/mod.rs", "the row of its setting"),
            ("auth-server/handle.rs", "the page of its own"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
            ("auth-tower/pages/mod.rs", "the page of its link"),
            ("auth-tower/pages/route.rs", "the list of pages"),
        ],
    },
    Shared {
        room: "import",
        words: &["import::", "mod import", "Imported"],
        files: &[
            ("auth-core/event.rs", "the row of its event"),
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-server/command/users/mod.rs", "the command"),
        ],
    },
    Shared {
        room: "admin",
        words: &["admin::{CreateUser", "admin::ROOM", "admin::DOORS"],
        files: &[
            ("auth-core/lib.rs", "gives it away"),
            ("auth-core/room/mod.rs", "the list of rooms"),
            ("auth-tower/endpoint/mod.rs", "the list of doors"),
        ],
    },
];

/// Whether a file lies in one of the room's own folders.
fn is_own(file: &str, room: &str) -> bool {
    ["room", "endpoint", "pages", "config", "command/users"].iter().any(|folder| {
        let own = format!("/{folder}/{room}");
        file.contains(&format!("{own}/")) || file.ends_with(&format!("{own}.rs"))
    }) || file.starts_with("migration/m0")
}

/// `identity` of a Unix socket, of a body's encoding and of a kind of hash is another word.
fn names(code: &str, words: &[&str]) -> bool {
    let other = ["aspnet-identity", "VerifyIdentity", "is_identity"];
    code.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
        let line = other.iter().fold(line.to_owned(), |line, other| line.replace(other, ""));
        words.iter().any(|word| line.contains(word))
    })
}

#[test]
fn few_shared_files_name_a_room_and_each_for_a_reason() {
    let mut all = Vec::new();
    for of in ["auth-core", "auth-tower", "auth-server", "migration"] {
        all.extend(sources(of).into_iter().map(|(file, code)| (format!("{of}/{file}"), code)));
    }
    // What is there for tests names what it tests.
    let is_for_tests =
        |file: &str| ["test_util", "tests.rs", "proof.rs"].iter().any(|word| file.contains(word));
    all.retain(|(file, _)| !is_for_tests(file));
    // One catalogue of texts has those of all rooms, in each language.
    all.retain(|(file, _)| !file.starts_with("auth-tower/pages/texts/"));
    all.sort();
    for Shared { room, words, files } in ROOMS {
        let found: Vec<&str> = all
            .iter()
            .filter(|(file, code)| !is_own(file, room) && names(code, words))
            .map(|(file, _)| file.as_str())
            .collect();
        let expected: Vec<&str> = files.iter().map(|(file, _)| *file).collect();
        assert_eq!(found, expected, "shared files that name the room {room}");
        assert!(files.iter().all(|(_, why)| !why.is_empty()));
    }
}
