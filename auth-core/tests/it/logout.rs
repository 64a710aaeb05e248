//! Signing out.

use auth_core::{ClientInfo, Error, RefreshToken, UserId};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{PAST_GRACE, TestAuth},
};

each_database! {
    async fn after_logout_nothing_of_the_session_works(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        test.auth.logout(tokens.refresh.clone(), ClientInfo::default()).await.unwrap();
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionLeft);
        assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        assert_eq!(test.events.count("signed_out"), 1);
    }

    async fn any_generation_signs_out_and_twice_is_once(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let first = test.signed_in().await;
        let mut newest = test.refresh(&first.refresh).await.unwrap();
        for _ in 0..3 {
            test.clock.advance(PAST_GRACE);
            newest = test.refresh(&newest.refresh).await.unwrap();
        }
        for _ in 0..2 {
            test.auth.logout(first.refresh.clone(), ClientInfo::default()).await.unwrap();
        }
        assert_refused!(test.refresh(&newest.refresh).await, Error::SessionLeft);
        assert_eq!(test.events.count("signed_out"), 1);
        assert_eq!(test.events.count("refresh_reused"), 0, "an old token that signs out is no alarm");
    }

    async fn a_token_that_is_not_ours_signs_nobody_out(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let mut forged = tokens.refresh.expose().to_owned();
        let end = if forged.ends_with('A') { "Q" } else { "A" };
        forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
        for text in ["", "garbage", &forged, &format!("{}{end}", &tokens.refresh.expose()[..81])] {
            test.auth.logout(RefreshToken::from(text), ClientInfo::default()).await.unwrap();
        }
        test.refresh(&tokens.refresh).await.unwrap();
    }

    async fn logging_out_everywhere_ends_every_session_of_that_user_only(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let (one, two) = (test.signed_in().await, test.login().await);
        test.auth.register(auth_core::Register::new("bob@example.com", "bob's own password")).await.unwrap();
        let bob = test.try_login("bob@example.com", "bob's own password").await.unwrap();
        test.auth.logout_all(one.user_id, ClientInfo::default()).await.unwrap();
        for tokens in [one, two] {
            let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
            assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
            assert_refused!(test.auth.current_user(&caller).await, Error::SessionOver);
        }
        test.refresh(&bob.refresh).await.unwrap();
        let again = test.login().await;
        test.refresh(&again.refresh).await.unwrap();
        let nobody = UserId::from(uuid::Uuid::nil());
        assert_refused!(test.auth.logout_all(nobody, ClientInfo::default()).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
    }
}
