//! Sign-in by a proof of the host's own.

use auth_core::{
    Assurance, ClientInfo, CreateUser, EmailVerification, Error, EventKind, SignIn, SignInFailure, UserId,
    refusal, test_util::CHALLENGED_ROLE,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PAST_GRACE, TestAuth, granted},
};

each_database! {
    async fn whoever_the_host_vouches_for_is_signed_in_like_everybody_else(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let ada = test.register().await;
        let client = ClientInfo::default().ip([192, 0, 2, 7].into()).user_agent("a browser");
        let tokens = granted(test.auth.sign_in(ada.id, "ldap", client).await).unwrap();
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        assert_eq!((caller.user_id(), caller.methods(), caller.assurance()), (ada.id, &["ldap".to_owned()][..], Assurance::Aal1));
        let [session] = &test.auth.sessions(&caller).await.unwrap()[..] else { panic!("one session") };
        assert_eq!((session.ip, session.user_agent.as_deref()), (Some([192, 0, 2, 7].into()), Some("a browser")));
        assert_eq!(test.events.count("signed_in"), 1);
        test.clock.advance(PAST_GRACE);
        test.refresh(&tokens.refresh).await.unwrap();
        assert!(tokens.device.is_some(), "a device like that of any sign-in");
    }

    async fn the_gate_is_asked_as_at_every_sign_in(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            builder.second_factor_due().configure(|config| config.email_verification = EmailVerification::Required)
        }).await;
        let sign_in = |user: UserId| test.auth.sign_in(user, "saml", ClientInfo::default());
        let ada = test.register().await;
        assert_eq!(test.kinds_of_mails().await, ["verify_email"]);
        test.clock.advance(HOUR);
        assert_refused!(sign_in(ada.id).await, Error::Refused(refusal::VERIFICATION_NEEDED));
        assert_eq!(test.kinds_of_mails().await, ["verify_email"], "the link comes again");

        let grace = CreateUser::new("grace@example.com").verified().role(CHALLENGED_ROLE);
        let grace = test.auth.create_user(grace).await.unwrap();
        assert!(matches!(sign_in(grace.id).await, Ok(SignIn::Challenge(_))));
        test.auth.disable(grace.id, ClientInfo::default()).await.unwrap();
        assert_refused!(sign_in(grace.id).await, Error::InvalidCredentials);
        test.auth.delete_user(grace.id, ClientInfo::default()).await.unwrap();
        assert_refused!(sign_in(grace.id).await, Error::Refused(refusal::USER_NOT_FOUND));

        assert_eq!(test.count("auth_session").await, 0);
        let why = |kind| if let EventKind::SignInFailed { user, reason } = kind { Some((user, reason)) } else { None };
        let failed: Vec<_> = test.events.kinds().into_iter().filter_map(why).collect();
        assert_eq!(failed, [(Some(ada.id), SignInFailure::Unverified), (Some(grace.id), SignInFailure::Disabled)]);
    }

    async fn no_host_can_say_that_it_saw_a_second_factor(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let ada = test.register().await;
        for method in ["mfa", "otp", "rc", "pwd mfa", "", "LDAP", "\u{e9}", &"a".repeat(33)] {
            let refused = test.auth.sign_in(ada.id, method, ClientInfo::default()).await;
            let Err(Error::Validation(errors)) = refused else { panic!("{method}: {refused:?}") };
            assert_eq!((errors[0].field, errors[0].code), ("method", "invalid_method"), "{method}");
        }
        assert_eq!(test.count("auth_session").await, 0);
        granted(test.auth.sign_in(ada.id, &"a".repeat(32), ClientInfo::default()).await).unwrap();
    }

    async fn the_owner_of_a_taken_address_is_told_of_every_registration(db: &TestDatabase) {
        use auth_core::Register;
        use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};
        let test = TestAuth::new(db).await;
        test.register().await;
        assert_eq!(test.kinds_of_mails().await, [""; 0]);
        let register = || Register::new(EMAIL, "another horse battery");
        assert_refused!(test.auth.register(register()).await, Error::Refused(refusal::EMAIL_TAKEN));
        assert_eq!(test.kinds_of_mails().await, ["email_taken"]);

        // In a transaction of the host's, if that is committed.
        test.clock.advance(DAY);
        for commit in [false, true] {
            let prepared = test.auth.prepare_register(register()).await.unwrap();
            let immediate = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default()
            };
            let txn = test.db.begin_with_options(immediate).await.unwrap();
            assert_refused!(prepared.insert_in(&txn).await, Error::Refused(refusal::EMAIL_TAKEN));
            if commit { txn.commit().await.unwrap() } else { txn.rollback().await.unwrap() }
            let told = if commit { &["email_taken"][..] } else { &[] };
            assert_eq!(test.kinds_of_mails().await, told, "{commit}");
        }
    }
}
