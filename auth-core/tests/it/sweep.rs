//! What has ended is removed; what lives is not touched.

use auth_core::{ClientInfo, Error, Register};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, HOUR, PASSWORD, TestAuth, keys},
};

each_database! {
    async fn every_way_to_end_is_swept_once_no_access_token_can_live(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let idle = test.signed_in().await;
        test.clock.advance(7 * DAY);
        let (out, kept) = (test.login().await, test.login().await);
        test.auth.logout(out.refresh, ClientInfo::default()).await.unwrap();
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        let bob = test.try_login("bob@example.com", PASSWORD).await.unwrap();
        test.auth.logout_all(bob.user_id, ClientInfo::default()).await.unwrap();
        assert_eq!(test.auth.sweep().await.unwrap(), 0, "their access tokens may live");

        test.clock.advance(HOUR);
        assert_eq!(test.auth.sweep().await.unwrap(), 3);
        assert_eq!(test.count("auth_session").await, 1);
        test.refresh(&kept.refresh).await.unwrap();
        assert_refused!(test.refresh(&idle.refresh).await, Error::SessionOver);

        test.clock.advance(31 * DAY);
        assert_eq!(test.auth.sweep().await.unwrap(), 1);
        assert_eq!((test.count("auth_session").await, test.count("auth_user").await), (0, 2));
    }

    async fn more_than_a_batch_is_swept_by_several_instances_at_once(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.max_sessions(10_000)).await;
        let user = test.register().await.id;
        for _ in 0..700 {
            test.login().await;
        }
        test.auth.logout_all(user, ClientInfo::default()).await.unwrap();
        let kept = test.login().await;
        test.clock.advance(HOUR);
        let other = TestAuth::instance(db, keys(), &test.clock, 5, |builder| builder).await;
        let sweep = |auth: auth_core::Auth| tokio::spawn(async move { auth.sweep().await });
        for task in [sweep(test.auth.clone()), sweep(other.auth.clone())] {
            // A database may ask one of the two to come again.
            let swept = task.await.unwrap();
            assert!(matches!(swept, Ok(_) | Err(Error::Unavailable(_))), "{swept:?}");
        }
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_session").await, 1);
        test.refresh(&kept.refresh).await.unwrap();
    }
}
