//! A user's own sessions.

use std::{net::Ipv4Addr, sync::Arc};

use auth_core::{ClientInfo, Error, Login, Principal, Register, SessionId, Tokens};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, PAST_GRACE, SECOND, TestAuth, gated, granted, start},
};

fn caller(test: &TestAuth, tokens: &Tokens) -> Principal {
    test.auth.verifier().verify(tokens.access.expose()).unwrap()
}

async fn ids(test: &TestAuth, tokens: &Tokens) -> Vec<SessionId> {
    let sessions = test.auth.sessions(&caller(test, tokens)).await.unwrap();
    sessions.into_iter().map(|session| session.id).collect()
}

each_database! {
    async fn the_list_tells_where_and_when_the_most_recently_used_first(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let phone = test.signed_in().await;
        test.clock.advance(HOUR);
        let client = ClientInfo::default().ip(Ipv4Addr::new(192, 0, 2, 7).into()).user_agent("Browser/1.0");
        let laptop = granted(test.auth.login(Login::new(EMAIL, PASSWORD).client(client)).await).unwrap();
        assert_eq!(ids(&test, &laptop).await, [laptop.session_id, phone.session_id]);
        test.clock.advance(SECOND);
        test.refresh(&phone.refresh).await.unwrap();
        assert_eq!(ids(&test, &laptop).await, [phone.session_id, laptop.session_id]);

        let sessions = test.auth.sessions(&caller(&test, &laptop)).await.unwrap();
        let [phone, laptop] = &sessions[..] else { panic!("{sessions:?}") };
        assert_eq!((laptop.user_agent.as_deref(), laptop.ip.unwrap().to_string().as_str()), (Some("Browser/1.0"), "192.0.2.7"));
        assert_eq!((phone.user_agent.as_deref(), phone.ip), (None, None));
        assert_eq!(phone.methods, ["pwd"]);
        assert_eq!(phone.last_used_at.duration_since(phone.created_at).unwrap(), HOUR + SECOND);
        assert_eq!(phone.expires_at.duration_since(phone.last_used_at).unwrap(), 7 * DAY);
    }

    async fn what_is_over_or_somebody_elses_is_not_in_the_list(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let idle = test.signed_in().await;
        test.clock.advance(7 * DAY);
        let (own, out) = (test.login().await, test.login().await);
        test.auth.logout(out.refresh, ClientInfo::default()).await.unwrap();
        test.auth.register(Register::new("bob@example.com", "bob's own password")).await.unwrap();
        test.try_login("bob@example.com", "bob's own password").await.unwrap();
        assert_eq!(ids(&test, &own).await, [own.session_id]);
        assert_ne!(idle.session_id, own.session_id);
    }

    async fn a_session_that_is_over_lists_and_ends_nothing(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (out, other) = (test.signed_in().await, test.login().await);
        let caller = caller(&test, &out);
        test.auth.logout(out.refresh, ClientInfo::default()).await.unwrap();
        assert_refused!(test.auth.sessions(&caller).await, Error::SessionOver);
        let client = ClientInfo::default;
        assert_refused!(test.auth.end_session(&caller, other.session_id, client()).await, Error::SessionOver);
        assert_refused!(test.auth.end_other_sessions(&caller, client()).await, Error::SessionOver);
        test.refresh(&other.refresh).await.unwrap();
    }

    async fn one_may_be_ended_once_and_nobody_elses(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (own, lost) = (test.signed_in().await, test.login().await);
        test.auth.register(Register::new("bob@example.com", "bob's own password")).await.unwrap();
        let bob = test.try_login("bob@example.com", "bob's own password").await.unwrap();
        let caller = caller(&test, &own);
        let client = ClientInfo::default;
        assert_refused!(test.auth.end_session(&caller, bob.session_id, client()).await, Error::Refused(auth_core::refusal::SESSION_NOT_FOUND));
        test.auth.end_session(&caller, lost.session_id, client()).await.unwrap();
        assert_refused!(test.auth.end_session(&caller, lost.session_id, client()).await, Error::Refused(auth_core::refusal::SESSION_NOT_FOUND));
        assert_refused!(test.refresh(&lost.refresh).await, Error::SessionOver);
        test.refresh(&bob.refresh).await.unwrap();
        test.auth.end_session(&caller, own.session_id, client()).await.unwrap();
        assert_refused!(test.refresh(&own.refresh).await, Error::SessionOver);
    }

    async fn the_others_may_be_ended_at_once(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (one, own, two) = (test.signed_in().await, test.login().await, test.login().await);
        test.auth.end_other_sessions(&caller(&test, &own), ClientInfo::default()).await.unwrap();
        for over in [one, two] {
            assert_refused!(test.refresh(&over.refresh).await, Error::SessionOver);
        }
        assert_eq!(ids(&test, &own).await, [own.session_id]);
        test.refresh(&own.refresh).await.unwrap();
        assert_eq!(test.events.count("others_signed_out"), 1);
    }

    async fn a_sign_in_that_is_hashing_when_the_others_end_is_one_of_them(db: &TestDatabase) {
        let (hasher, entered, open) = gated();
        let test = TestAuth::with(db, |builder| builder.hasher(Arc::new(hasher))).await;
        open.send(()).unwrap();
        let own = test.signed_in().await;
        entered.acquire().await.unwrap().forget();
        let sign_in = start(&test.auth, PASSWORD);
        entered.acquire().await.unwrap().forget();
        test.auth.end_other_sessions(&caller(&test, &own), ClientInfo::default()).await.unwrap();
        drop(open);
        let late = sign_in.await.unwrap().unwrap();
        assert_refused!(test.refresh(&late.refresh).await, Error::SessionOver);
        assert_refused!(test.auth.current_user(&caller(&test, &late)).await, Error::SessionOver);
        assert_eq!(ids(&test, &own).await, [own.session_id], "the own one goes on");
    }

    async fn who_ends_the_others_at_the_same_moment_is_ended_by_one_of_them_and_nobody_comes_back(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        for _ in 0..5 {
            let mut all = Vec::new();
            for _ in 0..4 {
                all.push(test.login().await);
            }
            let calls: Vec<_> = all.iter().map(|tokens| {
                let (auth, caller) = (test.auth.clone(), caller(&test, tokens));
                tokio::spawn(async move { auth.end_other_sessions(&caller, ClientInfo::default()).await })
            }).collect();
            let mut done = 0;
            for call in calls {
                match call.await.unwrap() {
                    Ok(()) => done += 1,
                    Err(Error::SessionOver) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            let mut alive = 0;
            for tokens in &all {
                alive += usize::from(test.auth.current_user(&caller(&test, tokens)).await.is_ok());
            }
            assert_eq!((done, alive), (1, 1));
        }
    }

    async fn one_session_too_many_ends_the_oldest(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.sessions.max_sessions = 3)).await;
        test.register().await;
        let mut all = Vec::new();
        for _ in 0..6 {
            test.clock.advance(SECOND);
            all.push(test.login().await);
        }
        let newest: Vec<_> = all.iter().rev().take(3).map(|tokens| tokens.session_id).collect();
        assert_eq!(ids(&test, &all[5]).await, newest);
        test.clock.advance(PAST_GRACE);
        assert_refused!(test.refresh(&all[2].refresh).await, Error::SessionOver);
        test.refresh(&all[3].refresh).await.unwrap();
        assert_eq!(test.events.count("signed_out"), 3);
    }

    async fn signing_out_and_in_does_not_count_towards_the_limit(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.sessions.max_sessions = 2)).await;
        let kept = test.signed_in().await;
        for _ in 0..5 {
            test.clock.advance(SECOND);
            let passing = test.login().await;
            test.auth.logout(passing.refresh, ClientInfo::default()).await.unwrap();
        }
        test.refresh(&kept.refresh).await.unwrap();
    }
}
