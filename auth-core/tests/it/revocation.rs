//! Bounded checks: what has ended is refused by the next poll, and no request reads the database for it.

use std::time::{Duration, UNIX_EPOCH};

use auth_core::{
    AuthBuilder, ClientInfo, Clock as _, Error, Login, RefreshToken, Register, TokenVerifier, Tokens,
    oidc::Start, test_util::ManualClock,
};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait as _, prelude::Uuid, sea_query::Query};
use tokio::time::timeout;

use crate::{
    assert_refused,
    oidc::{World, issuer::Person, providers},
    support::{HOUR, PASSWORD, PAST_GRACE, SECOND, TestAuth, granted, keys, polling, rename},
};

/// Two instances on one database, the second one with a bounded verifier.
async fn two(db: &TestDatabase) -> (TestAuth, TestAuth, TokenVerifier) {
    let one = TestAuth::new(db).await;
    let other = TestAuth::instance(db, keys(), &one.clock, 5, |builder| builder).await;
    let bounded = other.auth.verifier().bounded(other.auth.revocations());
    one.auth.poll_revocations().await.unwrap();
    other.auth.poll_revocations().await.unwrap();
    (one, other, bounded)
}

/// A session that an instance has ended whose clock is behind, and another one that has asked before and after.
async fn ended_by_a_clock_behind_by(db: &TestDatabase, behind: Duration) -> (RefreshToken, String, TestAuth) {
    let one = TestAuth::new(db).await;
    let clock = ManualClock::new();
    clock.advance(behind);
    let other = TestAuth::instance(db, keys(), &clock, 5, |builder| builder).await;
    other.auth.poll_revocations().await.unwrap();
    let tokens = one.signed_in().await;
    one.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
    other.auth.poll_revocations().await.unwrap();
    // And once when it looks back further.
    other.clock.advance(15 * SECOND);
    other.auth.poll_revocations().await.unwrap();
    (tokens.refresh, tokens.access.expose().to_owned(), other)
}

fn good(verifier: &TokenVerifier, tokens: &Tokens) -> bool {
    verifier.verify(tokens.access.expose()).is_ok()
}

each_database! {
    async fn whatever_ends_a_session_on_one_instance_is_refused_by_the_other_after_its_next_poll(db: &TestDatabase) {
        let (one, other, bounded) = two(db).await;
        let kept = one.signed_in().await;
        let user = kept.user_id;
        let own = one.auth.verifier().bounded(one.auth.revocations());
        let mut ended = Vec::new();
        for way in ["logout", "by id", "others", "reuse"] {
            let tokens = one.login().await;
            let caller = one.auth.verifier().verify(tokens.access.expose()).unwrap();
            assert!(good(&bounded, &tokens) && good(&own, &tokens), "{way}");
            let client = ClientInfo::default();
            match way {
                "logout" => one.auth.logout(tokens.refresh.clone(), client).await.unwrap(),
                "by id" => one.auth.end_session(&caller, tokens.session_id, client).await.unwrap(),
                "others" => {
                    let kept = one.auth.verifier().verify(kept.access.expose()).unwrap();
                    one.auth.end_other_sessions(&kept, client).await.unwrap();
                }
                _ => {
                    let next = one.refresh(&tokens.refresh).await.unwrap();
                    one.clock.advance(PAST_GRACE);
                    one.refresh(&next.refresh).await.unwrap();
                    assert_refused!(one.refresh(&tokens.refresh).await, Error::SessionOver);
                }
            }
            assert!(!good(&own, &tokens), "{way}: at once on the instance that ended it");
            ended.push(tokens);
        }
        assert!(ended.iter().all(|tokens| good(&bounded, tokens)), "the other has not asked yet");
        other.auth.poll_revocations().await.unwrap();
        assert!(!ended.iter().any(|tokens| good(&bounded, tokens)));
        assert!(good(&bounded, &kept) && good(&own, &kept), "nothing else is refused");
        assert_eq!(one.auth.user(user).await.unwrap().id, user);
    }

    async fn a_disabled_user_and_one_signed_out_everywhere_are_refused_by_the_next_poll(db: &TestDatabase) {
        let (one, other, bounded) = two(db).await;
        let ada = one.signed_in().await;
        one.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        let bob = one.try_login("bob@example.com", PASSWORD).await.unwrap();
        one.auth.disable(ada.user_id, ClientInfo::default()).await.unwrap();
        one.auth.logout_all(bob.user_id, ClientInfo::default()).await.unwrap();
        assert!(good(&bounded, &ada) && good(&bounded, &bob));
        other.auth.poll_revocations().await.unwrap();
        assert!(!good(&bounded, &ada) && !good(&bounded, &bob));
        assert!(!good(&one.auth.verifier().bounded(one.auth.revocations()), &ada));
    }

    async fn knowledge_older_than_allowed_is_not_answered_from(db: &TestDatabase) {
        let strict = |builder: AuthBuilder| builder.configure(|config| config.tokens.revocation_max_age = Some(10 * SECOND));
        let test = TestAuth::with(db, strict).await;
        let bounded = test.auth.verifier().bounded(test.auth.revocations());
        let tokens = test.signed_in().await;
        let token = tokens.access.expose();
        assert_refused!(bounded.verify(token), Error::RevocationsStale);
        test.auth.poll_revocations().await.unwrap();
        bounded.verify(token).unwrap();
        test.clock.advance(11 * SECOND);
        assert_refused!(bounded.verify(token), Error::RevocationsStale);
        assert_refused!(bounded.verify("no token"), Error::InvalidToken);
        test.auth.poll_revocations().await.unwrap();
        bounded.verify(token).unwrap();
        test.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        test.clock.advance(11 * SECOND);
        // Known to have ended, however old the knowledge.
        assert_refused!(bounded.verify(token), Error::InvalidToken);
    }

    async fn a_token_with_roles_from_before_a_change_is_refused_and_the_refreshed_one_is_good(db: &TestDatabase) {
        let (one, other, bounded) = two(db).await;
        let mut tokens = one.signed_in().await;
        for roles in [&["author"][..], &["author", "editor"], &[]] {
            one.auth.set_roles(tokens.user_id, roles, ClientInfo::default()).await.unwrap();
            other.auth.poll_revocations().await.unwrap();
            assert!(!good(&bounded, &tokens), "{roles:?}");
            tokens = one.refresh(&tokens.refresh).await.unwrap();
            assert!(good(&bounded, &tokens), "{roles:?}: in the same second");
        }
    }

    async fn checks_read_nothing_and_polls_little(db: &TestDatabase) {
        let (one, other, bounded) = two(db).await;
        let tokens = one.signed_in().await;
        other.statements();
        for _ in 0..100 {
            assert!(good(&bounded, &tokens));
        }
        assert_eq!(other.statements().len(), 0);
        other.auth.poll_revocations().await.unwrap();
        assert_eq!(other.statements().len(), 7);
    }

    async fn what_ended_long_ago_is_forgotten_and_was_over_by_itself(db: &TestDatabase) {
        let (one, other, bounded) = two(db).await;
        let tokens = one.signed_in().await;
        one.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        other.auth.poll_revocations().await.unwrap();
        let caller = one.auth.verifier().verify(tokens.access.expose()).unwrap();
        assert!(other.auth.revocations().refuses(&caller));
        for _ in 0..2 {
            one.clock.advance(HOUR);
            other.auth.poll_revocations().await.unwrap();
        }
        assert!(!other.auth.revocations().refuses(&caller), "bounded memory");
        assert!(!good(&bounded, &tokens), "expired");
    }

    async fn an_instance_that_starts_later_knows_what_ended_before(db: &TestDatabase) {
        let one = TestAuth::new(db).await;
        let tokens = one.signed_in().await;
        one.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        one.clock.advance(600 * SECOND);
        let late = TestAuth::instance(db, keys(), &one.clock, 5, |builder| builder).await;
        let bounded = late.auth.verifier().bounded(late.auth.revocations());
        assert!(good(&bounded, &tokens));
        late.auth.poll_revocations().await.unwrap();
        assert!(!good(&bounded, &tokens));
    }

    async fn what_is_known_is_kept_while_a_token_may_live_however_often_is_polled(db: &TestDatabase) {
        let (one, other, _) = two(db).await;
        let tokens = one.signed_in().await;
        let caller = one.auth.verifier().verify(tokens.access.expose()).unwrap();
        // Known from a moment just before a generation is over.
        for _ in 0..15 {
            one.clock.advance(60 * SECOND);
            other.auth.poll_revocations().await.unwrap();
        }
        one.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        for _ in 0..16 {
            other.auth.poll_revocations().await.unwrap();
            assert!(other.auth.revocations().refuses(&caller));
            one.clock.advance(60 * SECOND);
        }
    }

    async fn a_mass_that_ends_at_one_moment_is_learnt_page_by_page(db: &TestDatabase) {
        let (one, other, bounded) = two(db).await;
        let tokens = one.signed_in().await;
        let now = i64::try_from(one.clock.now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let others = (0..2500).map(Uuid::from_u128);
        for ids in others.chain([tokens.user_id.as_uuid()]).collect::<Vec<_>>().chunks(500) {
            let mut insert = Query::insert();
            insert.into_table("auth_deleted_user").columns(["id", "deleted_at"]);
            for id in ids {
                insert.values_panic([(*id).into(), now.into()]);
            }
            one.db.execute(&insert).await.unwrap();
        }
        other.statements();
        other.auth.poll_revocations().await.unwrap();
        assert_eq!(other.statements().len(), 7 + 2, "three pages of one of them");
        assert!(!good(&bounded, &tokens), "the greatest id");
    }

    async fn what_ends_by_a_clock_that_is_less_than_a_minute_behind_is_heard_of_within_a_quarter_of_one(db: &TestDatabase) {
        let (_, token, other) = ended_by_a_clock_behind_by(db, 59 * SECOND).await;
        assert!(other.auth.verifier().bounded(other.auth.revocations()).verify(&token).is_err());
    }

    async fn what_ends_by_a_clock_that_is_more_than_a_minute_behind_is_refused_where_the_row_is_read_and_when_its_token_is_over(
        db: &TestDatabase,
    ) {
        let (refresh, token, other) = ended_by_a_clock_behind_by(db, 61 * SECOND).await;
        let bounded = other.auth.verifier().bounded(other.auth.revocations());
        let caller = bounded.verify(&token).unwrap();
        assert_refused!(other.auth.verify_session(&caller).await, Error::SessionOver);
        assert_refused!(other.refresh(&refresh).await, Error::SessionLeft);
        let late = TestAuth::instance(db, keys(), &other.clock, 5, |builder| builder).await;
        late.auth.poll_revocations().await.unwrap();
        assert!(late.auth.verifier().bounded(late.auth.revocations()).verify(&token).is_err(), "it looks further back");
        other.clock.advance(900 * SECOND);
        assert!(bounded.verify(&token).is_err(), "expired");
    }

    async fn a_watch_keeps_asking_and_tells_how_old_its_knowledge_is(db: &TestDatabase) {
        let one = TestAuth::new(db).await;
        let tokens = one.signed_in().await;
        let watcher = TestAuth::instance(db, keys(), &one.clock, 5, polling).await;
        let bounded = watcher.auth.verifier().bounded(watcher.auth.revocations());
        assert_eq!(watcher.auth.revocations().age(), None);
        let auth = watcher.auth.clone();
        let watch = tokio::spawn(async move { auth.run_background().await });
        one.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        let asked = async {
            // What it has found is of use before it has asked for all.
            while good(&bounded, &tokens) || watcher.auth.revocations().age().is_none() {
                tokio::task::yield_now().await;
            }
        };
        timeout(60 * SECOND, asked).await.expect("it does not ask");
        assert_eq!(watcher.auth.revocations().age(), Some(Duration::ZERO));
        watch.abort();
        let _ = watch.await;
        one.clock.advance(5 * SECOND);
        assert_eq!(watcher.auth.revocations().age(), Some(5 * SECOND));
    }

    async fn whatever_ends_a_session_is_refused_at_once_on_the_instance_that_ended_it(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| builder.oidc(providers(issuer)).configure(|config| config.sessions.max_sessions = 2)).await;
        let (test, auth) = (&world.test, &world.test.auth);
        let own = auth.verifier().bounded(auth.revocations());
        auth.poll_revocations().await.unwrap();
        let ways = [
            "replaced", "at a provider", "too many", "password", "reset", "roles", "disabled", "all", "joined", "deleted",
        ];
        for (number, way) in ways.into_iter().enumerate() {
            let (email, client) = (format!("ada{number}@example.com"), ClientInfo::default);
            auth.register(Register::new(&*email, PASSWORD)).await.unwrap();
            let ended = test.try_login(&email, PASSWORD).await.unwrap();
            let user = ended.user_id;
            test.clock.advance(SECOND);
            let kept = test.try_login(&email, PASSWORD).await.unwrap();
            let caller = auth.verifier().verify(kept.access.expose()).unwrap();
            assert!(good(&own, &ended) && good(&own, &kept), "{way}");
            match way {
                "replaced" => {
                    let login = Login::new(&*email, PASSWORD).replacing(ended.refresh.clone());
                    granted(auth.login(login).await).unwrap();
                }
                "at a provider" => {
                    auth.end_session(&caller, caller.session_id().unwrap(), client()).await.unwrap();
                    test.execute("UPDATE auth_user SET email_verified_at = 1").await;
                    let begun = world.oidc().start(Start::new("idp").replacing(ended.refresh.clone())).await.unwrap();
                    let query = world.issuer.approve(&begun.url, &Person::new(way, &email));
                    world.come_back(&query, Some(begun.browser)).await.unwrap();
                }
                "too many" => drop(test.try_login(&email, PASSWORD).await.unwrap()),
                "password" => {
                    auth.change_password(&caller, PASSWORD, "another horse battery", client()).await.unwrap();
                }
                "reset" => {
                    let link = auth.reset_link(user, client()).await.unwrap().token;
                    auth.reset_password(link, "another horse battery", client()).await.unwrap();
                }
                "roles" => auth.set_roles(user, &["editor"], client()).await.unwrap(),
                "disabled" => auth.disable(user, client()).await.unwrap(),
                "all" => auth.logout_all(user, client()).await.unwrap(),
                "joined" => {
                    test.execute("UPDATE auth_user SET email_verified_at = NULL").await;
                    world.sign_in(&Person::new(way, &email)).await;
                }
                _ => auth.delete_user(user, client()).await.unwrap(),
            }
            assert!(!good(&own, &ended), "{way}");
        }
    }

    async fn a_watch_goes_on_after_the_database_was_away(db: &TestDatabase) {
        let one = TestAuth::new(db).await;
        let (before, after) = (one.signed_in().await, one.login().await);
        let watcher = TestAuth::instance(db, keys(), &one.clock, 5, polling).await;
        let bounded = watcher.auth.verifier().bounded(watcher.auth.revocations());
        let auth = watcher.auth.clone();
        let watch = tokio::spawn(async move { auth.run_background().await });
        let asks = async |times: usize| {
            watcher.statements();
            while watcher.statements().len() < times {
                tokio::task::yield_now().await;
            }
        };
        timeout(60 * SECOND, async {
            while watcher.auth.revocations().age().is_none() {
                tokio::task::yield_now().await;
            }
        }).await.expect("it does not ask");
        rename(db, "auth_deleted_user", "away").await;
        let refused = async |tokens: &Tokens| {
            while good(&bounded, tokens) {
                tokio::task::yield_now().await;
            }
        };
        one.auth.logout(before.refresh.clone(), ClientInfo::default()).await.unwrap();
        timeout(60 * SECOND, refused(&before)).await.expect("what can be read is of use");
        timeout(60 * SECOND, asks(1)).await.expect("it does not ask again");
        rename(db, "away", "auth_deleted_user").await;
        one.auth.logout(after.refresh.clone(), ClientInfo::default()).await.unwrap();
        timeout(60 * SECOND, refused(&after)).await.expect("it does not ask any more");
        watch.abort();
    }
}
