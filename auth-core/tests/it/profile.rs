//! What accounts tell beside their address: a name, a user name to sign in with, a language, data.

use auth_core::{
    AuthBuilder, ClientInfo, CreateUser, EmailVerification, Error, EventKind, ImportOutcome, ImportRow,
    Login, Principal, Profile, ProfileChange, Register, SignInFailure, Tokens, User, UserChange, UserQuery,
    UserRecord, refusal, test_util::ManualClock,
};
use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, Halting, PASSWORD, TestAuth, granted, keys},
};

const NAME: &str = "Ada.Lovelace";
const BOB: &str = "bob@example.com";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

fn at(ip: &str) -> ClientInfo {
    nobody().ip(ip.parse().unwrap())
}

async fn with_profiles(db: &TestDatabase) -> TestAuth {
    TestAuth::with(db, |builder| {
        builder.configure(|config| {
            (config.profile.enabled, config.profile.usernames) = (true, true);
            config.audit_retention = Some(DAY);
        })
    })
    .await
}

async fn with_claims(db: &TestDatabase, claims: &str) -> TestAuth {
    TestAuth::with(db, |builder| {
        builder.configure(|config| {
            config.profile.enabled = true;
            config.tokens.claims = claims.parse().unwrap();
        })
    })
    .await
}

/// What an access token tells of a profile: of the person's words, and the house's.
fn told(test: &TestAuth, tokens: &Tokens) -> (Option<Value>, Option<Value>) {
    let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
    (caller.claim("profile"), caller.claim("tier").or_else(|| caller.claim("plan")))
}

fn named(name: &str) -> ProfileChange {
    ProfileChange::default().username(name)
}

/// Somebody with an account, signed in.
async fn somebody(test: &TestAuth, email: &str) -> (User, Principal) {
    let user = test.auth.register(Register::new(email, PASSWORD)).await.unwrap();
    let tokens = test.try_login(email, PASSWORD).await.unwrap();
    (user, test.auth.verifier().verify(tokens.access.expose()).unwrap())
}

/// Ada, who has a user name.
async fn ada(test: &TestAuth) -> (User, Principal) {
    let (user, caller) = somebody(test, EMAIL).await;
    test.auth.change_profile(&caller, named(NAME), nobody()).await.unwrap();
    (user, caller)
}

async fn guess(
    test: &TestAuth,
    client: ClientInfo,
    who: &str,
    password: &str,
) -> Result<auth_core::Tokens, Error> {
    granted(test.auth.login(Login::new(who, password).client(client)).await)
}

/// Guesses until it is told to wait; how many were checked.
async fn guess_until_throttled(test: &TestAuth, client: &ClientInfo, who: &str) -> usize {
    for count in 0..200 {
        match guess(test, client.clone(), who, "a wrong guess").await {
            Err(Error::InvalidCredentials) => {}
            Err(Error::Throttled { .. }) => return count,
            other => panic!("{other:?}"),
        }
    }
    panic!("may guess for ever")
}

fn fields(error: Error) -> Vec<(&'static str, &'static str)> {
    match error {
        Error::Validation(errors) => errors.iter().map(|error| (error.field, error.code)).collect(),
        other => panic!("{other:?}"),
    }
}

async fn found(test: &TestAuth, beginning: &str) -> Vec<String> {
    let page = test.auth.list_users(UserQuery::default().limit(100).begins(beginning)).await.unwrap();
    assert_eq!(page.next, None);
    // In the order of ids, and several are of one moment.
    let mut emails: Vec<_> = page.users.into_iter().map(|user| user.email).collect();
    emails.sort_unstable();
    emails
}

each_database! {
    async fn what_is_given_is_changed_what_is_null_goes_and_the_rest_stays(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, caller) = somebody(&test, EMAIL).await;
        assert_eq!(user.profile, Some(Profile::default()));
        let change = named(NAME).name(" Ada ").locale("en-gb").data(json!({"a": {"b": 1, "c": -1.5}, "z": "\0"}));
        let changed = test.auth.change_profile(&caller, change, nobody()).await.unwrap();
        let profile = changed.profile.clone().unwrap();
        assert_eq!((profile.name.as_deref(), profile.username.as_deref(), profile.locale.as_deref()), (Some("Ada"), Some(NAME), Some("en-GB")));
        assert_eq!(json!(profile.data), json!({"a": {"b": 1, "c": -1.5}, "z": "\0"}));
        assert_eq!(test.auth.current_user(&caller).await.unwrap(), changed);
        assert_eq!(test.auth.user(user.id).await.unwrap(), changed);

        let mut patch = ProfileChange::default().data(json!({"a": {"b": null, "d": [true]}}));
        patch.locale = Some(None);
        let changed = test.auth.change_profile(&caller, patch, nobody()).await.unwrap().profile.unwrap();
        assert_eq!((changed.name.as_deref(), changed.locale), (Some("Ada"), None));
        assert_eq!(json!(changed.data), json!({"a": {"c": -1.5, "d": [true]}, "z": "\0"}));
        let emptied = ProfileChange::default().data(json!(null));
        let changed = test.auth.change_profile(&caller, emptied, nobody()).await.unwrap().profile.unwrap();
        assert!(changed.data.is_empty() && changed.name.is_some());

        let told: Vec<_> = test.events.kinds().into_iter().filter_map(|kind| match kind {
            EventKind::ProfileChanged { user: of, members } if of == user.id => Some(members),
            _ => None,
        }).collect();
        assert_eq!(told, ["name username locale data", "locale data", "data"]);
        let audit = test.auth.events(user.id, None, 10).await.unwrap();
        assert!(audit.iter().any(|event| event.code == "profile_changed" && event.reason.as_deref() == Some("data")));
    }

    async fn a_change_that_changes_nothing_writes_nothing(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (_, caller) = somebody(&test, EMAIL).await;
        let changed = test.auth.change_profile(&caller, ProfileChange::default(), nobody()).await.unwrap();
        assert_eq!(changed.profile, Some(Profile::default()));
        assert_eq!((test.count("auth_profile").await, test.events.count("profile_changed")), (0, 0));
    }

    async fn what_is_for_administrators_nobody_writes_for_himself(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, caller) = somebody(&test, EMAIL).await;
        let own = ProfileChange::default().app_data(json!({"plan": "free"}));
        let refused = test.auth.change_profile(&caller, own.clone(), nobody()).await.unwrap_err();
        assert_eq!(fields(refused), [("app_data", "read_only")]);
        let changed = test.auth.update_user(user.id, UserChange::default().profile(own), nobody()).await.unwrap();
        assert_eq!(json!(changed.user.profile.unwrap().app_data), json!({"plan": "free"}));
    }

    async fn where_there_are_none_no_profile_is_told_or_taken_and_no_name_signs_in(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, caller) = ada(&test).await;
        let without = TestAuth::instance(db, keys(), &ManualClock::new(), 2, |builder| builder).await;
        assert_eq!(without.auth.user(user.id).await.unwrap().profile, None);
        let refused = without.auth.change_profile(&caller, ProfileChange::default().name("Ada"), nobody()).await;
        assert_eq!(fields(refused.unwrap_err()), [("profile", "switched_off")]);
        assert_refused!(without.try_login(NAME, PASSWORD).await, Error::InvalidCredentials);
        without.statements();
        without.try_login(NAME, PASSWORD).await.unwrap_err();
        assert_eq!(without.statements().len(), 0, "it is no address, and nothing is looked for");
    }

    async fn a_user_name_signs_in_as_the_address_does_in_any_case(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, _) = ada(&test).await;
        for name in [NAME, "ada.lovelace", " ADA.LOVELACE "] {
            assert_eq!(test.try_login(name, PASSWORD).await.unwrap().user_id, user.id, "{name}");
            assert_refused!(test.try_login(name, "wrong").await, Error::InvalidCredentials);
        }
        for name in ["ada_lovelace", "ada.lovelac", "ada.lovelace%", "аda.lovelace", "nobody", "admin"] {
            assert_refused!(test.try_login(name, PASSWORD).await, Error::InvalidCredentials);
        }
        test.auth.disable(user.id, nobody()).await.unwrap();
        assert_refused!(test.try_login(NAME, PASSWORD).await, Error::InvalidCredentials);
    }

    async fn known_and_unknown_names_take_the_same_work(db: &TestDatabase) {
        let test = with_profiles(db).await;
        ada(&test).await;
        test.auth.create_user(CreateUser::new("none@example.com").profile(named("without-password"))).await.unwrap();
        let verbs = || -> Vec<String> {
            let statements = test.statements();
            statements.iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        let mut seen = Vec::new();
        for name in [NAME, "nobody", "without-password"] {
            let mut this = Vec::new();
            for _ in 0..2 {
                let before = test.hasher.verifications();
                verbs();
                assert_refused!(test.try_login(name, "wrong").await, Error::InvalidCredentials);
                this.push((verbs(), test.hasher.verifications() - before));
            }
            for _ in 0..10 {
                let _ = test.try_login(name, "wrong").await;
            }
            verbs();
            let before = test.hasher.verifications();
            assert_refused!(test.try_login(name, "wrong").await, Error::Throttled { .. });
            this.push((verbs(), test.hasher.verifications() - before));
            seen.push(this);
        }
        assert_eq!(seen[0][2], (vec!["SELECT".to_owned(), "SELECT".to_owned()], 0));
        assert_eq!(seen[0][0].1, 1);
        assert_eq!((&seen[0], &seen[1]), (&seen[1], &seen[2]));
        assert!(test.events.kinds().contains(&EventKind::SignInFailed { user: None, reason: SignInFailure::UnknownUser }));
        assert_eq!(test.count("auth_event WHERE code = 'sign_in_failed' AND user_id IS NULL AND address IS NULL").await, 0);
    }

    async fn guesses_by_the_name_tell_nothing_of_the_address_and_shut_nobody_out_there(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, _) = ada(&test).await;
        let stranger = at("203.0.113.1");
        assert_eq!(guess_until_throttled(&test, &stranger, EMAIL).await, 10);
        // Or who waits at the address would learn whose name it is.
        assert_eq!(guess_until_throttled(&test, &stranger, NAME).await, 10);
        assert_refused!(guess(&test, stranger.clone(), "ADA.lovelace", PASSWORD).await, Error::Throttled { .. });
        test.auth.unlock(user.id, nobody()).await.unwrap();
        guess(&test, stranger.clone(), EMAIL, PASSWORD).await.unwrap();
        guess(&test, stranger.clone(), NAME, PASSWORD).await.unwrap();

        guess_until_throttled(&test, &stranger, NAME).await;
        guess(&test, stranger, EMAIL, PASSWORD).await.unwrap();
    }

    async fn by_name_and_by_address_no_more_than_a_hundred_guesses_are_checked(db: &TestDatabase) {
        let test = with_profiles(db).await;
        ada(&test).await;
        let known = guess(&test, at("198.51.100.1"), NAME, PASSWORD).await.unwrap();
        let known = at("198.51.100.1").device(known.device.unwrap());
        let before = test.hasher.verifications();
        for round in 0..200 {
            let client = at(&format!("203.0.{}.{}", round / 250, round % 250));
            for who in [NAME, EMAIL] {
                for client in [&client, &known] {
                    let _ = guess(&test, client.clone(), who, "a wrong guess").await;
                }
            }
            test.clock.advance(HOUR);
        }
        let checked = test.hasher.verifications() - before;
        assert!((90..=100).contains(&checked), "NIST SP 800-63B-4: {checked}");
    }

    async fn a_known_device_signs_in_by_name_while_strangers_wait(db: &TestDatabase) {
        let test = with_profiles(db).await;
        ada(&test).await;
        let device = guess(&test, at("198.51.100.1"), EMAIL, PASSWORD).await.unwrap().device.unwrap();
        guess_until_throttled(&test, &at("203.0.113.1"), NAME).await;
        assert_refused!(guess(&test, at("203.0.113.2"), NAME, PASSWORD).await, Error::Throttled { .. });
        guess(&test, at("198.51.100.1").device(device), NAME, PASSWORD).await.unwrap();
        guess(&test, at("203.0.113.2"), NAME, PASSWORD).await.expect("the owner has opened it");
    }

    async fn for_a_network_that_guessed_too_often_no_name_is_looked_up(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| {
                (config.profile.enabled, config.profile.usernames) = (true, true);
                config.throttle.network_failures = 3;
            })
        }).await;
        ada(&test).await;
        let device = guess(&test, at("198.51.100.1"), NAME, PASSWORD).await.unwrap().device.unwrap();
        for who in ["one", "two", "three"] {
            assert_refused!(guess(&test, at("203.0.113.1"), who, "wrong").await, Error::InvalidCredentials);
        }
        test.statements();
        assert_refused!(guess(&test, at("203.0.113.1"), NAME, PASSWORD).await, Error::Throttled { .. });
        assert_eq!(test.statements().len(), 0);
        guess(&test, at("203.0.113.1").device(device), NAME, PASSWORD).await.expect("a device that is known");
    }

    async fn of_those_who_want_one_name_at_once_one_gets_it(db: &TestDatabase) {
        let (one, clock) = (with_profiles(db).await, ManualClock::new());
        let two = TestAuth::instance(db, keys(), &clock, 5, |builder| {
            builder.configure(|config| (config.profile.enabled, config.profile.usernames) = (true, true))
        }).await;
        let mut callers = Vec::new();
        for number in 0..6 {
            callers.push(somebody(&one, &format!("user{number}@example.com")).await.1);
        }
        let mut wanting = JoinSet::new();
        for (number, caller) in callers.into_iter().enumerate() {
            let auth = if number % 2 == 0 { one.auth.clone() } else { two.auth.clone() };
            let name = if number % 3 == 0 { "ADA" } else { "ada" };
            wanting.spawn(async move { auth.change_profile(&caller, named(name), nobody()).await.map(drop) });
        }
        for number in 6..10 {
            let auth = if number % 2 == 0 { one.auth.clone() } else { two.auth.clone() };
            let register = Register::new(format!("user{number}@example.com"), PASSWORD).profile(named("Ada"));
            wanting.spawn(async move { auth.register(register).await.map(drop) });
        }
        let mut got = 0;
        while let Some(outcome) = wanting.join_next().await {
            match outcome.unwrap() {
                Ok(()) => got += 1,
                Err(Error::Refused(refusal::USERNAME_TAKEN)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((got, one.count("auth_profile WHERE username_normalized = 'ada'").await), (1, 1));
        let of_the_name = one.count("auth_profile").await;
        assert_eq!(of_the_name, 1);
        assert!((6..=7).contains(&one.count("auth_user").await), "a registration that lost leaves no account");
    }

    async fn a_change_that_began_before_all_sessions_were_ended_is_none(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let on = |builder: AuthBuilder| builder.configure(|config| config.profile.enabled = true);
        let halting = Halting::with(&test, db, on).await;
        let (tokens, caller) = test.caller().await;
        let auth = halting.auth.clone();
        let change = async move { auth.change_profile(&caller, ProfileChange::default().name("Thief"), nobody()).await };
        let meanwhile = async { test.auth.logout_all(tokens.user_id, nobody()).await.unwrap() };
        assert_refused!(halting.run(("SELECT", "auth_session"), change, meanwhile).await, Error::SessionOver);
        assert_eq!(test.count("auth_profile").await, 0);
    }

    async fn tokens_tell_of_a_profile_what_the_settings_name_from_the_next_refresh_on(db: &TestDatabase) {
        let test = with_claims(db, "profile.name,app.plan:tier").await;
        let (tokens, caller) = test.caller().await;
        assert_eq!(told(&test, &tokens), (None, None), "there is no profile");
        test.auth.change_profile(&caller, ProfileChange::default().name("Ada").data(json!({"plan": "gold"})), nobody()).await.unwrap();
        let plan = ProfileChange::default().app_data(json!({"plan": "free"}));
        test.auth.update_user(tokens.user_id, UserChange::default().profile(plan), nobody()).await.unwrap();
        test.statements();
        let tokens = test.refresh(&tokens.refresh).await.unwrap();
        assert_eq!(test.statements().len(), 3, "one more than without");
        assert_eq!(told(&test, &tokens), (Some(json!({"name": "Ada"})), Some(json!("free"))));
        assert_eq!(told(&test, &test.login().await), told(&test, &tokens));
    }

    async fn a_profile_that_is_too_long_for_a_token_keeps_nobody_out(db: &TestDatabase) {
        let test = with_claims(db, "profile.data.a,app.plan").await;
        let (tokens, caller) = test.caller().await;
        let long = ProfileChange::default().data(json!({"a": "x".repeat(1024)}));
        test.auth.change_profile(&caller, long, nobody()).await.unwrap();
        let tokens = test.refresh(&tokens.refresh).await.unwrap();
        assert_eq!(told(&test, &tokens), (None, None));
    }

    async fn changes_of_one_profile_at_once_are_all_kept(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, caller) = somebody(&test, EMAIL).await;
        let mut changes = JoinSet::new();
        for number in 0..8 {
            let (auth, caller) = (test.auth.clone(), caller.clone());
            let change = ProfileChange::default().data(json!({ format!("k{number}"): number }));
            changes.spawn(async move { auth.change_profile(&caller, change, nobody()).await.map(drop) });
        }
        while let Some(outcome) = changes.join_next().await {
            outcome.unwrap().unwrap();
        }
        assert_eq!(test.auth.user(user.id).await.unwrap().profile.unwrap().data.len(), 8);
    }

    async fn a_name_that_is_given_up_is_free_and_begins_anew(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (_, ada) = ada(&test).await;
        let (bob, caller) = somebody(&test, BOB).await;
        assert_refused!(test.auth.change_profile(&caller, named("ada.LOVELACE"), nobody()).await, Error::Refused(refusal::USERNAME_TAKEN));
        test.auth.change_profile(&ada, named("ada.lovelace"), nobody()).await.expect("her own, in another case");
        guess_until_throttled(&test, &at("203.0.113.1"), NAME).await;
        let mut without = ProfileChange::default();
        without.username = Some(None);
        test.auth.change_profile(&ada, without, nobody()).await.unwrap();
        assert_refused!(test.try_login(NAME, PASSWORD).await, Error::Throttled { .. });
        test.auth.change_profile(&caller, named(NAME), nobody()).await.unwrap();
        assert_eq!(test.try_login(NAME, PASSWORD).await.unwrap().user_id, bob.id);
    }

    async fn a_new_password_by_mail_opens_the_name_too(db: &TestDatabase) {
        let test = with_profiles(db).await;
        ada(&test).await;
        guess_until_throttled(&test, &at("203.0.113.1"), NAME).await;
        test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
        let token = test.token_of(auth_core::mail::MailKind::ResetPassword).await;
        test.auth.reset_password(token, "another horse battery", nobody()).await.unwrap();
        test.try_login(NAME, "another horse battery").await.unwrap();
    }

    async fn a_registration_may_bring_a_profile_and_names_all_that_is_wrong_with_it(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let profile = named(NAME).name("Ada").data(json!({"a": 1}));
        let user = test.auth.register(Register::new(EMAIL, PASSWORD).profile(profile)).await.unwrap();
        assert_eq!(test.auth.user(user.id).await.unwrap(), user);
        assert_eq!(user.profile.unwrap().username.as_deref(), Some(NAME));
        let taken = Register::new(BOB, PASSWORD).profile(named(NAME));
        assert_refused!(test.auth.register(taken).await, Error::Refused(refusal::USERNAME_TAKEN));
        let wrong = named("root").name("\n").locale("-").data(json!([]));
        let refused = test.auth.register(Register::new("none", "short").profile(wrong)).await.unwrap_err();
        let all = [("email", "invalid_email"), ("password", "too_short"), ("name", "invalid_name"), ("username", "reserved"), ("locale", "invalid_locale"), ("data", "not_an_object")];
        assert_eq!(fields(refused), all);
        assert_eq!((test.count("auth_user").await, test.hasher.hashes()), (1, 2));
    }

    async fn where_addresses_are_proved_a_name_comes_after_the_account(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| {
                (config.profile.enabled, config.profile.usernames) = (true, true);
                config.email_verification = EmailVerification::On;
            })
        }).await;
        let (_, caller) = somebody(&test, BOB).await;
        test.auth.change_profile(&caller, named(NAME), nobody()).await.unwrap();
        // Two answers for a free name and one for a taken one would tell which addresses are known.
        for name in [NAME, "free-name"] {
            for email in [BOB, EMAIL] {
                let refused = test.auth.register(Register::new(email, PASSWORD).profile(named(name))).await.unwrap_err();
                assert_eq!(fields(refused), [("username", "not_yet")]);
            }
        }
        test.auth.register(Register::new(EMAIL, PASSWORD).profile(ProfileChange::default().name("Ada"))).await.unwrap();
    }

    async fn an_administrator_changes_all_at_once_or_nothing(db: &TestDatabase) {
        let test = with_profiles(db).await;
        ada(&test).await;
        let (bob, _) = somebody(&test, BOB).await;
        let change = UserChange::default().roles(["editor"]).disabled(true);
        let taken = change.clone().profile(named(NAME));
        assert_refused!(test.auth.update_user(bob.id, taken, nobody()).await, Error::Refused(refusal::USERNAME_TAKEN));
        assert_eq!(test.auth.user(bob.id).await.unwrap(), bob);
        assert_eq!(test.events.count("roles_changed"), 0);
        let changed = test.auth.update_user(bob.id, change.profile(named("bob")), nobody()).await.unwrap().user;
        assert_eq!((changed.roles.len(), changed.disabled, changed.profile.unwrap().username.as_deref()), (2, true, Some("bob")));
        let stranger = "00000000-0000-7000-8000-000000000000".parse().unwrap();
        let refused = test.auth.update_user(stranger, UserChange::default().profile(named("carol")), nobody()).await;
        assert_refused!(refused, Error::Refused(refusal::USER_NOT_FOUND));
    }

    async fn accounts_are_found_by_how_address_name_or_user_name_begins(db: &TestDatabase) {
        let test = with_profiles(db).await;
        for (email, profile) in [
            ("ada@example.com", named("Countess").name("Ada Lovelace")),
            ("bob@example.com", named("ada-fan").name("Bob")),
            ("carol@example.com", ProfileChange::default().name("ÄDA Ὀδυσσεύς")),
            ("a_b@example.com", ProfileChange::default().name("100% x")),
            ("aXb@example.com", ProfileChange::default()),
        ] {
            test.auth.create_user(CreateUser::new(email).profile(profile)).await.unwrap();
        }
        for (text, emails) in [
            ("ada", vec!["ada@example.com", "bob@example.com"]),
            (" ADA l", vec!["ada@example.com"]),
            ("lovelace", vec![]),
            ("countess", vec!["ada@example.com"]),
            ("äda ὀδυσσεύ", vec!["carol@example.com"]),
            ("A\u{308}da ὀδυσσεύσ", vec!["carol@example.com"]),
            ("a_b", vec!["a_b@example.com"]),
            ("axb@EXAMPLE.com", vec!["aXb@example.com"]),
            ("100%", vec!["a_b@example.com"]),
            ("%", vec![]),
            ("_", vec![]),
            ("' OR 1=1", vec![]),
            ("\\", vec![]),
        ] {
            assert_eq!(found(&test, text).await, emails, "{text:?}");
        }
        for text in ["", "  ", "a\0", &"a".repeat(255)] {
            let refused = test.auth.list_users(UserQuery::default().begins(text)).await.unwrap_err();
            assert_eq!(fields(refused), [("q", "invalid_query")], "{text:?}");
        }
        let (mut query, mut seen) = (UserQuery::default().limit(1).begins("ada"), Vec::new());
        loop {
            let page = test.auth.list_users(query).await.unwrap();
            seen.extend(page.users.into_iter().map(|user| user.email));
            let Some(next) = page.next else { break };
            query = UserQuery::default().limit(1).begins("ada").cursor(next);
        }
        seen.sort_unstable();
        assert_eq!(seen, ["ada@example.com", "bob@example.com"]);
        assert_eq!(test.auth.find_user("COUNTESS").await.unwrap().email, "ada@example.com");
        assert_refused!(test.auth.find_user("nobody").await, Error::Refused(refusal::USER_NOT_FOUND));
    }

    async fn a_profile_moves_in_and_out_with_its_account_and_no_name_twice(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let mut record = UserRecord::new(EMAIL);
        record.profile.name = Some("Ada".to_owned());
        record.profile.username = Some(NAME.to_owned());
        record.profile.data.insert("a".to_owned(), json!([1, null]));
        record.profile.app_data.insert("plan".to_owned(), json!("free"));
        let mut twice = UserRecord::new(BOB);
        twice.profile.username = Some("ADA.lovelace".to_owned());
        let mut reserved = UserRecord::new("root@example.com");
        reserved.profile.username = Some("root".to_owned());
        let rows = |records: Vec<UserRecord>| -> Vec<ImportRow> {
            (1..).zip(records).map(|(number, record)| ImportRow { number, record }).collect()
        };
        let run = rows(vec![record.clone(), twice.clone(), reserved]);
        for (dry, mut import) in [
            (true, test.auth.import(nobody()).dry_run()),
            (false, test.auth.import(nobody())),
        ] {
            let outcomes = import.rows(run.clone()).await.unwrap();
            let codes: Vec<_> = outcomes.iter().map(|outcome| match outcome {
                ImportOutcome::Inserted => "inserted",
                ImportOutcome::Refused(error) => error.code,
                other => panic!("{other:?}"),
            }).collect();
            assert_eq!(codes, ["inserted", "duplicate", "reserved"], "{dry}");
        }
        let again = test.auth.import(nobody()).rows(rows(vec![record.clone()])).await.unwrap();
        assert_eq!(again, [ImportOutcome::AlreadyThere]);
        let again = test.auth.import(nobody()).rows(rows(vec![twice])).await.unwrap();
        assert!(matches!(&again[0], ImportOutcome::Refused(error) if (error.field, error.code) == ("username", "username_taken")), "{again:?}");
        let out = test.auth.export_users(None, false).await.unwrap();
        assert_eq!((out.len(), &out[0].profile), (1, &record.profile));
        assert_eq!(test.auth.find_user(NAME).await.unwrap().profile, Some(record.profile));
    }

    async fn a_profile_is_exported_to_its_person_and_goes_with_the_account(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, caller) = ada(&test).await;
        let export = test.auth.export(&caller).await.unwrap();
        assert_eq!(export.user.profile.unwrap().username.as_deref(), Some(NAME));
        test.auth.delete_user(user.id, nobody()).await.unwrap();
        assert_eq!(test.count("auth_profile").await, 0);
        let (_, bob) = somebody(&test, BOB).await;
        test.auth.change_profile(&bob, named(NAME), nobody()).await.unwrap();
    }

    async fn a_session_that_is_over_changes_nothing(db: &TestDatabase) {
        let test = with_profiles(db).await;
        let (user, caller) = somebody(&test, EMAIL).await;
        test.auth.logout_all(user.id, nobody()).await.unwrap();
        assert_refused!(test.auth.change_profile(&caller, named(NAME), nobody()).await, Error::SessionOver);
        assert_eq!(test.count("auth_profile").await, 0);
    }
}
