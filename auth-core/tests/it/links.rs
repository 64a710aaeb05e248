//! The links in mails: whose they are, where they go, and how many may be tried.

use auth_core::{
    ClientInfo, CreateUser, EmailVerification, Error, OneTimeToken, Principal, Register, mail::MailKind,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    oidc::{World, issuer::Person, providers},
    support::{EMAIL, PASSWORD, TestAuth, rename},
};

const NEW: &str = "another horse battery";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

fn at(ip: &str) -> ClientInfo {
    nobody().ip(ip.parse().unwrap())
}

async fn reset_link(test: &TestAuth, email: &str) -> OneTimeToken {
    test.auth.forgot_password(email, nobody()).await.unwrap();
    test.token_of(MailKind::ResetPassword).await
}

async fn signed_in(test: &TestAuth, email: &str) -> Principal {
    test.auth.register(Register::new(email, PASSWORD)).await.unwrap();
    let tokens = test.try_login(email, PASSWORD).await.unwrap();
    test.auth.verifier().verify(tokens.access.expose()).unwrap()
}

each_database! {
    async fn what_one_person_does_ends_nobody_elses_links(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| {
            builder.oidc(providers(issuer)).configure(|config| config.email_verification = EmailVerification::On)
        }).await;
        let (test, auth) = (&world.test, &world.test.auth);
        let ways = ["password", "reset", "address", "proof", "mail", "hand", "provider", "disabled", "gone"];
        for (number, way) in ways.into_iter().enumerate() {
            let [ada, bob] = ["ada", "bob"].map(|name| format!("{name}{number}@example.com"));
            let caller = signed_in(test, &ada).await;
            let proof = test.token_of(MailKind::VerifyEmail).await;
            auth.register(Register::new(&*bob, PASSWORD)).await.unwrap();
            let bobs_proof = test.token_of(MailKind::VerifyEmail).await;
            let bobs_reset = reset_link(test, &bob).await;
            match way {
                "password" => auth.change_password(&caller, PASSWORD, NEW, nobody()).await.unwrap(),
                "reset" => auth.reset_password(reset_link(test, &ada).await, NEW, nobody()).await.unwrap(),
                "address" => {
                    let new = format!("countess{number}@example.com");
                    auth.request_email_change(&caller, new, Some(PASSWORD.into()), nobody()).await.unwrap();
                    let change = test.token_of(MailKind::ChangeEmail).await;
                    auth.verify_email(change, nobody()).await.unwrap();
                }
                "proof" => drop(auth.verify_email(proof, nobody()).await.unwrap()),
                "mail" => drop(reset_link(test, &ada).await),
                "hand" => drop(auth.reset_link(caller.user_id(), nobody()).await.unwrap()),
                "provider" => drop(world.sign_in(&Person::new(way, &ada)).await),
                "disabled" => auth.disable(caller.user_id(), nobody()).await.unwrap(),
                _ => auth.delete_account(&caller, Some(PASSWORD.into()), nobody()).await.unwrap(),
            }
            let proved = auth.verify_email(bobs_proof, nobody()).await;
            assert!(proved.is_ok_and(|bob| bob.email_verified), "{way}");
            let reset = auth.reset_password(bobs_reset, NEW, nobody()).await;
            assert!(reset.is_ok(), "{way}: {reset:?}");
            test.try_login(&bob, NEW).await.unwrap();
            auth.deliver_mail().await.unwrap();
            test.outbox.take();
        }
    }

    async fn a_link_of_one_kind_ends_none_of_another(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::On)).await;
        let user = test.register().await.id;
        let proof = test.token_of(MailKind::VerifyEmail).await;
        reset_link(&test, EMAIL).await;
        let by_hand = test.auth.reset_link(user, nobody()).await.unwrap();
        assert!(test.auth.verify_email(proof, nobody()).await.unwrap().email_verified);
        test.auth.reset_password(by_hand.token, NEW, nobody()).await.unwrap();
    }

    async fn a_link_goes_to_the_address_of_the_account_and_not_to_what_somebody_typed(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::On)).await;
        test.auth.create_user(CreateUser::new("Josè@bücher.example")).await.unwrap();
        // Some mail servers tell these apart, and deliver them to another person.
        let typed = "JOSÈ@xn--bcher-kva.example";
        test.auth.forgot_password(typed, nobody()).await.unwrap();
        test.auth.request_email_verification(typed, nobody()).await.unwrap();
        test.auth.deliver_mail().await.unwrap();
        let mut sent: Vec<_> = test.outbox.take().into_iter().map(|(mail, _)| (mail.kind.code(), mail.to)).collect();
        sent.sort();
        let to = || "Josè@bücher.example".to_owned();
        assert_eq!(sent, [("reset_password", to()), ("verify_email", to())]);
    }

    async fn worthless_links_are_counted_for_the_network_and_good_ones_are_not(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::On)).await;
        let user = test.register().await.id;
        let proof = test.token_of(MailKind::VerifyEmail).await;
        let spent = test.auth.reset_link(user, nobody()).await.unwrap().token;
        test.auth.reset_password(spent.clone(), NEW, nobody()).await.unwrap();
        let good = test.auth.reset_link(user, nobody()).await.unwrap().token;
        let mut forged = good.expose().to_owned();
        forged.replace_range(60..61, if &forged[60..61] == "A" { "B" } else { "A" });
        let worthless = [OneTimeToken::new("garbage"), OneTimeToken::new(forged), spent, proof];
        let reset = async |token: &OneTimeToken, ip| test.auth.reset_password(token.clone(), NEW, at(ip)).await;
        let verify = async |token: &OneTimeToken, ip| test.auth.verify_email(token.clone(), at(ip)).await.map(drop);
        for token in worthless.iter().cycle().take(99) {
            assert_refused!(reset(token, "192.0.2.1").await, Error::Validation(_));
            assert_refused!(verify(&worthless[0], "192.0.2.2").await, Error::Validation(_));
        }
        reset(&good, "192.0.2.1").await.expect("a good one costs nothing");
        assert_refused!(verify(&worthless[1], "192.0.2.1").await, Error::Validation(_));
        let last = test.auth.reset_link(user, nobody()).await.unwrap().token;
        assert_refused!(reset(&last, "192.0.2.1").await, Error::Throttled { .. });
        assert_refused!(verify(&worthless[0], "192.0.2.1").await, Error::Throttled { .. });
        reset(&last, "192.0.2.2").await.expect("another network");
    }

    async fn a_database_that_does_not_answer_is_no_failure_of_who_has_a_link(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await.id;
        let link = test.auth.reset_link(user, nobody()).await.unwrap().token;
        rename(db, "auth_one_time_token", "away").await;
        for _ in 0..120 {
            let refused = test.auth.reset_password(link.clone(), NEW, at("192.0.2.1")).await;
            assert_refused!(refused, Error::Internal(_));
        }
        rename(db, "away", "auth_one_time_token").await;
        test.auth.reset_password(link, NEW, at("192.0.2.1")).await.unwrap();
    }

    async fn requests_for_links_are_counted_for_the_network_whatever_comes_of_them(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.email_verification = EmailVerification::On)).await;
        test.register().await;
        for email in [EMAIL, "nobody@example.com"].into_iter().cycle().take(50) {
            test.auth.forgot_password(email, at("192.0.2.1")).await.unwrap();
            test.auth.request_email_verification(email, at("192.0.2.1")).await.unwrap();
        }
        let waiting = test.count("auth_mail").await;
        let refused = test.auth.forgot_password(EMAIL, at("192.0.2.1")).await;
        assert_refused!(refused, Error::Throttled { .. });
        let refused = test.auth.request_email_verification(EMAIL, at("192.0.2.1")).await;
        assert_refused!(refused, Error::Throttled { .. });
        assert_eq!(test.count("auth_mail").await, waiting);
        test.auth.forgot_password(EMAIL, at("192.0.2.2")).await.unwrap();
    }
}
