//! What belongs together is written together: the change, the mail that tells of it and its row of the audit, or nothing.

use auth_core::{
    ClientInfo, CreateUser, EmailVerification, Error, ImportRow, Login, Principal, Register, UserChange,
    UserRecord, mail::MailKind, oidc::Refused,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    oidc::{World, issuer::Person, providers},
    support::{DAY, EMAIL, HOUR, PASSWORD, PAST_GRACE, TestAuth, rename},
};

const NEW: &str = "another horse battery";
const MAIL: &str = "auth_mail";
const AUDIT: &str = "auth_event";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

async fn verifying(db: &TestDatabase) -> TestAuth {
    TestAuth::with(db, |builder| {
        builder.configure(|config| {
            config.email_verification = EmailVerification::On;
            config.audit_retention = Some(DAY);
        })
    })
    .await
}

/// What is stored about people, but for this table.
async fn all_but(test: &TestAuth, table: &str) -> Vec<String> {
    let mut all = Vec::new();
    for of in [
        "user",
        "password",
        "user_role",
        "session",
        "one_time_token",
        "identity",
        "deleted_user",
        "mail",
        "event",
        "challenge",
        "totp",
        "recovery_code",
        "factor_failure",
    ] {
        let of = format!("auth_{of}");
        if of != table {
            all.push(test.dump(&of).await);
        }
    }
    all
}

/// Without any one of these tables the operation changes nothing, and with all of them it goes through.
async fn is_whole(
    (test, db): (&TestAuth, &TestDatabase),
    tables: &[&str],
    operation: impl AsyncFn() -> Result<(), Error>,
) {
    for table in tables {
        rename(db, table, "away").await;
        let before = all_but(test, table).await;
        let outcome = operation().await;
        assert!(outcome.is_err(), "done without {table}");
        assert_eq!(all_but(test, table).await, before, "half done without {table}");
        rename(db, "away", table).await;
    }
    operation().await.unwrap();
}

impl World {
    /// The same for what begins with a visit to the provider: that has left its traces before.
    async fn is_whole(
        &self,
        db: &TestDatabase,
        tables: &[&str],
        operation: impl AsyncFn() -> Result<(), Refused>,
    ) {
        for table in tables {
            rename(db, table, "away").await;
            let before = self.people(table).await;
            let outcome = operation().await;
            assert!(outcome.is_err(), "done without {table}");
            assert_eq!(self.people(table).await, before, "half done without {table}");
            rename(db, "away", table).await;
        }
        operation().await.unwrap();
    }

    async fn people(&self, table: &str) -> Vec<String> {
        let mut all = Vec::new();
        for of in ["auth_user", "auth_password", "auth_session", "auth_identity", MAIL] {
            if of != table {
                all.push(self.test.dump(of).await);
            }
        }
        all
    }

    async fn with_audit(db: &TestDatabase) -> Self {
        Self::with(db, |builder, issuer| {
            builder.oidc(providers(issuer)).configure(|config| config.audit_retention = Some(DAY))
        })
        .await
    }
}

async fn caller(test: &TestAuth) -> Principal {
    let (_, caller) = test.caller().await;
    test.auth.deliver_mail().await.unwrap();
    test.outbox.take();
    caller
}

each_database! {
    async fn a_registration_is_written_with_its_mail_and_its_row_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        is_whole((&test, db), &[MAIL, AUDIT], async || {
            test.auth.register(Register::new(EMAIL, PASSWORD)).await.map(drop)
        }).await;
        is_whole((&test, db), &[MAIL, AUDIT], async || {
            match test.auth.register(Register::new(EMAIL, PASSWORD)).await {
                Err(Error::Refused(auth_core::refusal::EMAIL_TAKEN)) => Ok(()),
                other => other.map(drop),
            }
        }).await;
        let mails = test.count("auth_mail WHERE kind IN ('verify_email', 'email_taken')").await;
        assert_eq!((mails, test.count("auth_event WHERE code = 'email_taken'").await), (2, 1));
    }

    async fn a_new_password_is_written_with_its_notice_and_its_row_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        let caller = caller(&test).await;
        test.login().await;
        test.auth.forgot_password(EMAIL, nobody()).await.unwrap();
        test.token_of(MailKind::ResetPassword).await;
        is_whole((&test, db), &[MAIL, AUDIT], async || {
            test.auth.change_password(&caller, PASSWORD, NEW, nobody()).await
        }).await;
        assert_eq!(test.count("auth_mail WHERE kind = 'password_changed'").await, 1);
        test.try_login(EMAIL, NEW).await.unwrap();
    }

    async fn a_reset_is_written_with_its_notice_and_its_row_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        let caller = caller(&test).await;
        let link = test.auth.reset_link(caller.user_id(), nobody()).await.unwrap().token;
        is_whole((&test, db), &[MAIL, AUDIT], async || {
            test.auth.reset_password(link.clone(), NEW, nobody()).await
        }).await;
        assert_eq!(test.count("auth_mail WHERE kind = 'password_changed'").await, 1);
        test.try_login(EMAIL, NEW).await.unwrap();
    }

    async fn an_address_is_proved_or_changed_with_its_notice_and_its_row_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        test.register().await;
        let proof = test.token_of(MailKind::VerifyEmail).await;
        is_whole((&test, db), &[AUDIT], async || {
            test.auth.verify_email(proof.clone(), nobody()).await.map(drop)
        }).await;
        let tokens = test.login().await;
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        is_whole((&test, db), &[MAIL], async || {
            let new = "countess@example.org";
            test.auth.request_email_change(&caller, new, Some(PASSWORD.into()), nobody()).await
        }).await;
        let change = test.token_of(MailKind::ChangeEmail).await;
        is_whole((&test, db), &[MAIL, AUDIT], async || {
            test.auth.verify_email(change.clone(), nobody()).await.map(drop)
        }).await;
        assert_eq!(test.count("auth_mail WHERE kind = 'email_changed'").await, 1);
    }

    async fn an_account_goes_with_its_notice_and_its_row_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        let caller = caller(&test).await;
        is_whole((&test, db), &[MAIL, AUDIT, "auth_deleted_user"], async || {
            test.auth.delete_account(&caller, Some(PASSWORD.into()), nobody()).await
        }).await;
        assert_eq!((test.count("auth_mail").await, test.count("auth_deleted_user").await), (1, 1));
    }

    async fn what_an_administrator_does_is_written_with_its_mail_and_its_row_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        is_whole((&test, db), &[MAIL, AUDIT, "auth_user_role"], async || {
            test.auth.create_user(CreateUser::new(EMAIL).role("editor").invite()).await.map(drop)
        }).await;
        test.auth.deliver_mail().await.unwrap();
        let user = test.auth.find_user(EMAIL).await.unwrap().id;
        test.clock.advance(HOUR);
        is_whole((&test, db), &[MAIL, AUDIT], async || test.auth.send_reset_link(user, nobody()).await).await;
        is_whole((&test, db), &[AUDIT], async || test.auth.reset_link(user, nobody()).await.map(drop)).await;
        is_whole((&test, db), &[AUDIT], async || {
            let both = UserChange::default().roles(["author"]).disabled(true);
            test.auth.update_user(user, both, nobody()).await.map(drop)
        }).await;
        is_whole((&test, db), &[AUDIT], async || test.auth.enable(user, nobody()).await).await;
        is_whole((&test, db), &[MAIL, AUDIT], async || test.auth.delete_user(user, nobody()).await).await;
    }

    async fn a_session_begins_and_ends_with_its_row_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        let (first, caller) = test.caller().await;
        is_whole((&test, db), &[AUDIT], async || test.try_login(EMAIL, PASSWORD).await.map(drop)).await;
        is_whole((&test, db), &[AUDIT], async || {
            let login = Login::new(EMAIL, PASSWORD).replacing(first.refresh.clone());
            test.auth.login(login).await.map(drop)
        }).await;
        assert_refused!(test.auth.verify_session(&caller).await, Error::SessionOver);
        let held = test.login().await;
        let caller = test.auth.verifier().verify(held.access.expose()).unwrap();
        for session in [test.login().await, test.login().await] {
            is_whole((&test, db), &[AUDIT], async || test.auth.end_session(&caller, session.session_id, nobody()).await).await;
        }
        let left = test.login().await;
        is_whole((&test, db), &[AUDIT], async || test.auth.logout(left.refresh.clone(), nobody()).await).await;
        let copied = test.login().await;
        test.clock.advance(PAST_GRACE);
        let next = test.refresh(&copied.refresh).await.unwrap();
        test.clock.advance(PAST_GRACE);
        test.refresh(&next.refresh).await.unwrap();
        is_whole((&test, db), &[AUDIT], async || match test.refresh(&copied.refresh).await {
            Err(Error::SessionOver) => Ok(()),
            other => other.map(drop),
        }).await;
        is_whole((&test, db), &[AUDIT], async || test.auth.end_other_sessions(&caller, nobody()).await).await;
        is_whole((&test, db), &[AUDIT], async || test.auth.logout_all(held.user_id, nobody()).await).await;
        is_whole((&test, db), &[AUDIT], async || test.auth.unlock(held.user_id, nobody()).await).await;
        is_whole((&test, db), &[AUDIT, MAIL], async || test.auth.forgot_password(EMAIL, nobody()).await).await;
    }

    async fn imported_accounts_are_written_with_their_rows_of_the_audit(db: &TestDatabase) {
        let test = verifying(db).await;
        is_whole((&test, db), &[AUDIT, "auth_user_role"], async || {
            let mut record = UserRecord::new(EMAIL);
            record.roles = vec!["editor".to_owned()];
            test.auth.import(nobody()).rows(vec![ImportRow { number: 1, record }]).await.map(drop)
        }).await;
        assert_eq!(test.count("auth_event WHERE code = 'imported'").await, 1);
    }

    async fn an_identity_comes_and_goes_with_its_notice_and_its_row_of_the_audit(db: &TestDatabase) {
        let world = World::with_audit(db).await;
        let test = &world.test;
        let caller = caller(test).await;
        test.execute("UPDATE auth_user SET email_verified_at = 1").await;
        let at_work = Person::new("w", "ada@work.example").unverified();
        world.is_whole(db, &[MAIL, AUDIT], async || {
            world.link(&caller, Some(PASSWORD), &at_work).await.map(drop)
        }).await;
        let identity = world.oidc().identities(&caller).await.unwrap().remove(0).id;
        is_whole((test, db), &[MAIL, AUDIT], async || world.unlink(&caller, Some(PASSWORD), identity).await).await;
        let mails = test.count("auth_mail WHERE kind IN ('identity_linked', 'identity_unlinked')").await;
        assert_eq!(mails, 2);
    }

    async fn an_account_is_made_or_joined_at_a_provider_with_its_notice_and_its_row_of_the_audit(db: &TestDatabase) {
        let world = World::with_audit(db).await;
        let test = &world.test;
        world.is_whole(db, &[AUDIT], async || world.arrive(&Person::new("1", "bob@example.com")).await.map(drop)).await;
        // Somebody else's until now: with the sessions and the password it had.
        caller(test).await;
        world.is_whole(db, &[MAIL, AUDIT], async || world.arrive(&Person::new("2", EMAIL)).await.map(drop)).await;
        assert_eq!(test.count("auth_event WHERE code = 'reclaimed'").await, 1);
        // A known identity proves its own address.
        test.execute("UPDATE auth_user SET email_verified_at = NULL").await;
        world.is_whole(db, &[AUDIT], async || world.arrive(&Person::new("2", EMAIL)).await.map(drop)).await;
        assert_eq!(test.count("auth_user WHERE email_verified_at IS NOT NULL").await, 1);
    }
}
