//! Signing in.

use std::{net::Ipv4Addr, sync::Arc};

use auth_core::{ClientInfo, Error, EventKind, Login, Register, SignInFailure, password::Argon2Hasher};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, PAST_GRACE, TestAuth, granted},
};

each_database! {
    async fn the_right_password_gets_two_tokens_of_one_session(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await;
        let tokens = test.login().await;
        assert_eq!(tokens.access_expires_in.as_secs(), 15 * 60);
        assert_eq!(tokens.refresh_expires_in.as_secs(), 7 * 24 * 3600);
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        assert_eq!((caller.user_id(), caller.session_id()), (user.id, Some(tokens.session_id)));
        assert_eq!(caller.methods(), ["pwd"]);
        assert_eq!(test.auth.current_user(&caller).await.unwrap(), user);
        let session = tokens.session_id;
        assert_eq!(test.events.kinds()[1..], [EventKind::SignedIn { user: user.id, session, methods: "pwd".to_owned() }]);
    }

    async fn the_address_may_be_written_in_any_way_that_means_the_same(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.auth.register(Register::new("José@bücher.example", PASSWORD)).await.unwrap();
        for same in [" JOSÉ@BÜCHER.EXAMPLE\n", "jose\u{301}@xn--bcher-kva.example"] {
            assert_eq!(test.try_login(same, PASSWORD).await.unwrap().user_id, user.id);
        }
        assert_refused!(test.try_login("jose@bücher.example", PASSWORD).await, Error::InvalidCredentials);
    }

    async fn a_composed_and_a_decomposed_password_are_the_same_and_a_ligature_is_not(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let pairs = [("caf\u{e9} au lait", "cafe\u{301} au lait"), ("cafe\u{301} con leche", "caf\u{e9} con leche")];
        for (number, (set, typed)) in pairs.into_iter().enumerate() {
            let email = format!("user{number}@example.com");
            test.auth.register(Register::new(&*email, set)).await.unwrap();
            test.try_login(&email, typed).await.unwrap();
        }
        test.auth.register(Register::new("fi@example.com", "five fine finches")).await.unwrap();
        assert_refused!(
            test.try_login("fi@example.com", "\u{fb01}ve \u{fb01}ne \u{fb01}nches").await,
            Error::InvalidCredentials
        );
    }

    async fn the_whole_password_counts(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let long = "x".repeat(72);
        for (number, (set, typed)) in [
            (format!("{long}a"), format!("{long}b")),
            (format!("{long}a"), long.clone()),
            ("trailing space ".to_owned(), "trailing space".to_owned()),
            ("with\0a nul".to_owned(), "with".to_owned()),
            ("Case Matters".to_owned(), "case matters".to_owned()),
        ]
        .into_iter()
        .enumerate()
        {
            let email = format!("user{number}@example.com");
            test.auth.register(Register::new(&*email, &*set)).await.unwrap();
            assert_refused!(test.try_login(&email, &typed).await, Error::InvalidCredentials);
            test.try_login(&email, &set).await.unwrap();
        }
    }

    async fn unknown_wrong_and_disabled_get_the_same_answer_for_the_same_work(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await;
        let disabled = test.auth.register(Register::new("eve@example.com", PASSWORD)).await.unwrap();
        test.auth.disable(disabled.id, ClientInfo::default()).await.unwrap();
        test.statements();
        let mut work = Vec::new();
        for (email, password) in [
            ("nobody@example.com", PASSWORD),
            (EMAIL, "wrong password"),
            (EMAIL, &*"x".repeat(1 << 20)),
            ("eve@example.com", PASSWORD),
            ("eve@example.com", "wrong password"),
        ] {
            let before = (test.hasher.verifications(), test.hasher.hashes());
            assert_refused!(test.try_login(email, password).await, Error::InvalidCredentials);
            let after = (test.hasher.verifications(), test.hasher.hashes());
            work.push((after.0 - before.0, after.1 - before.1, test.statements()));
            // The next one finds no failure counted either.
            test.execute("DELETE FROM auth_throttle").await;
            test.statements();
        }
        assert_eq!(work[0].2.len(), 2);
        assert!(work.iter().all(|done| *done == work[0]), "{work:?}");
        assert_eq!((work[0].0, work[0].1), (1, 0), "one verification, nothing hashed");

        let failed = |user, reason| EventKind::SignInFailed { user, reason };
        let reasons: Vec<_> = test.events.kinds().into_iter().filter(|kind| kind.code() == "sign_in_failed").collect();
        assert_eq!(reasons, [
            failed(None, SignInFailure::UnknownUser),
            failed(Some(user.id), SignInFailure::WrongPassword),
            failed(Some(user.id), SignInFailure::WrongPassword),
            failed(Some(disabled.id), SignInFailure::Disabled),
            failed(Some(disabled.id), SignInFailure::WrongPassword),
        ]);
        assert_eq!(test.count("auth_session").await, 0);
    }

    async fn what_is_no_address_is_a_wrong_login_and_not_an_error(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        for identifier in ["", "ada", "ada@", "\0", "' OR 1=1 --", &"a".repeat(100_000)] {
            assert_refused!(test.try_login(identifier, PASSWORD).await, Error::InvalidCredentials);
        }
        assert_eq!(test.hasher.verifications(), 6);
    }

    async fn an_account_without_a_password_cannot_sign_in_with_one(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        test.execute("DELETE FROM auth_password").await;
        for password in [PASSWORD, "", "*"] {
            assert_refused!(test.try_login(EMAIL, password).await, Error::InvalidCredentials);
        }
        assert_eq!(test.hasher.verifications(), 3);
    }

    async fn a_bcrypt_row_signs_in_becomes_argon2id_and_ends_no_session(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.hasher(Arc::new(Argon2Hasher::default()))).await;
        test.register().await;
        let earlier = test.login().await;
        // Made with Python's bcrypt 5.0.0 from "correct horse", cost 4.
        let row = "$2b$04$xMIAYnnFwT/4tTsX0XChR.lJb27pVZjNkO/tHqN36rWIMLVdDpbLS";
        test.execute(&format!("UPDATE auth_password SET hash = '{row}'")).await;
        assert_refused!(test.try_login(EMAIL, "wrong horse").await, Error::InvalidCredentials);
        assert_eq!(test.stored_hash().await, row, "a wrong password changes nothing");

        test.try_login(EMAIL, "correct horse").await.unwrap();
        assert!(test.stored_hash().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(test.events.count("password_rehashed"), 1);
        test.try_login(EMAIL, "correct horse").await.unwrap();
        assert_eq!(test.events.count("password_rehashed"), 1, "once is enough");
        test.refresh(&earlier.refresh).await.unwrap();
    }

    async fn a_row_that_cannot_be_checked_refuses_for_the_same_work_and_says_so_in_an_event(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.hasher(Arc::new(Argon2Hasher::default()))).await;
        let user = test.register().await;
        for row in ["plain text", "$1$md5crypt$x", "$argon2id$v=19$m=9999999,t=9,p=1$c29tZXNhbHQ$c29tZWhhc2g", ""] {
            test.execute(&format!("UPDATE auth_password SET hash = '{row}'")).await;
            assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::InvalidCredentials);
        }
        let unusable = EventKind::StoredHashUnusable { user: user.id };
        assert_eq!(test.events.kinds().iter().filter(|kind| **kind == unusable).count(), 4);
    }

    async fn a_new_sign_in_ends_the_session_it_replaces_and_no_other(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let phone = test.signed_in().await;
        let jar = test.login().await;
        let login = Login::new(EMAIL, PASSWORD).replacing(jar.refresh.clone());
        let fresh = granted(test.auth.login(login).await).unwrap();
        assert_refused!(test.refresh(&jar.refresh).await, Error::SessionLeft);
        test.clock.advance(PAST_GRACE);
        test.refresh(&phone.refresh).await.unwrap();
        test.refresh(&fresh.refresh).await.unwrap();
    }

    async fn a_failed_sign_in_leaves_the_session_in_the_jar_alone(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let jar = test.signed_in().await;
        let login = Login::new(EMAIL, "wrong password").replacing(jar.refresh.clone());
        assert_refused!(test.auth.login(login).await, Error::InvalidCredentials);
        test.refresh(&jar.refresh).await.unwrap();
    }

    async fn a_worthless_token_in_the_jar_does_not_hinder_a_sign_in(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let gone = test.login().await;
        test.auth.logout(gone.refresh.clone(), ClientInfo::default()).await.unwrap();
        for jar in ["", "garbage", gone.refresh.expose()] {
            granted(test.auth.login(Login::new(EMAIL, PASSWORD).replacing(jar.into())).await).unwrap();
        }
    }

    async fn two_sign_ins_share_nothing(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (one, other) = (test.signed_in().await, test.login().await);
        assert_ne!(one.session_id, other.session_id);
        assert_ne!(one.refresh.expose(), other.refresh.expose());
        assert_ne!(one.access.expose(), other.access.expose());
    }

    async fn client_and_user_agent_are_recorded_whatever_they_contain(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let client = ClientInfo::default()
            .ip(Ipv4Addr::LOCALHOST.into())
            .user_agent(&format!("a\0b\r\nc '; DROP TABLE x; -- \u{1F980}{}", "é".repeat(2000)));
        granted(test.auth.login(Login::new(EMAIL, PASSWORD).client(client.clone())).await).unwrap();
        assert_eq!(test.count("auth_session WHERE ip = '127.0.0.1' AND user_agent LIKE 'abc %'").await, 1);
        assert_eq!(test.events.events().last().unwrap().client, client);
    }
}
