//! The kit with which hosts test their own routes.

use std::time::Duration;

use auth_core::{
    Assurance, ClientInfo, CreateUser, EmailVerification, Error, Verified, mail::MailKind, test_util::Kit,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::support::HOUR;

const MINUTE: Duration = Duration::from_mins(1);

each_database! {
    async fn users_and_callers_of_the_kit_are_those_of_the_database(db: &TestDatabase) {
        let kit = Kit::new(db.connect().await);
        let grace = kit.create(CreateUser::new("grace@example.com").role("editor")).await;
        let ada = kit.user("ada@example.com").await;
        assert_eq!((grace.email_verified, ada.email_verified), (false, true));
        let caller = kit.principal(&grace).await;
        assert_eq!((caller.user_id(), caller.has_role("editor")), (grace.id, true));
        let strict = kit.auth.verify_session(&caller).await.unwrap();
        assert_eq!((strict.user_id(), strict.roles()), (caller.user_id(), caller.roles()));
        assert_eq!((caller.verified(), strict.verified()), (Verified::Stateless, Verified::Strict));
        kit.auth.logout_all(grace.id, ClientInfo::default()).await.unwrap();
        assert!(matches!(kit.auth.verify_session(&caller).await, Err(Error::SessionOver)));
        assert_eq!(kit.events.count("signed_in"), 1);
    }

    async fn who_has_an_app_of_the_kit_signs_in_with_two_factors(db: &TestDatabase) {
        let kit = Kit::new(db.connect().await);
        let ada = kit.user("ada@example.com").await;
        let app = kit.totp(&ada).await;
        for _ in 0..3 {
            let tokens = kit.sign_in_with(&ada, &app).await;
            let caller = kit.auth.verifier().verify(tokens.access.expose()).unwrap();
            assert_eq!((caller.user_id(), caller.assurance()), (ada.id, Assurance::Aal2));
        }
    }

    async fn the_kit_takes_the_settings_of_the_host(db: &TestDatabase) {
        let kit = Kit::with(db.connect().await, |builder| {
            builder.configure(|config| {
                config.tokens.access_ttl = HOUR;
                config.email_verification = EmailVerification::Required;
            })
        });
        let ada = kit.user("ada@example.com").await;
        let bearer = kit.bearer(&ada).await;
        let token = bearer.strip_prefix("Bearer ").unwrap();
        kit.clock.advance(59 * MINUTE);
        assert!(kit.auth.verifier().verify(token).is_ok());
        kit.clock.advance(MINUTE);
        assert!(kit.auth.verifier().verify(token).is_err());

        kit.create(CreateUser::new("grace@example.com").invite()).await;
        let kinds: Vec<_> = kit.mails().await.into_iter().map(|(mail, _)| mail.kind).collect();
        assert_eq!(kinds, [MailKind::ResetPassword]);
        assert!(kit.mails().await.is_empty());
    }

    async fn the_kit_tells_what_other_programs_hear_of(db: &TestDatabase) {
        let kit = Kit::new(db.connect().await);
        let ada = kit.user("ada@example.com").await;
        kit.sign_in(&ada).await;
        let codes = async || kit.events().await.into_iter().map(|event| event.event.code).collect::<Vec<_>>();
        assert_eq!(codes().await, ["created", "signed_in"]);
        kit.auth.logout_all(ada.id, ClientInfo::default()).await.unwrap();
        assert_eq!((codes().await, codes().await), (vec!["all_signed_out".to_owned()], Vec::new()));
    }
}
