//! Sign-in by a code that is sent by mail, or by the link beside it.

mod account;
mod mails;
mod races;

use std::time::Duration;

use auth_core::{
    AuthBuilder, ClientInfo, CreateUser, EmailSignIn, Error, OneTimeToken, SignIn, Tokens, User,
    email_code::{Confirm, Confirmed, EmailCodes, Flow, FlowToken, Start},
    mail::{Mail, MailKind},
    refusal,
};
use auth_migration::{each_database, test_util::TestDatabase};

use crate::{
    assert_refused,
    factor::World as FactorWorld,
    support::{DAY, EMAIL, PASSWORD, SECOND, TestAuth},
};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);

pub(crate) fn on(builder: AuthBuilder) -> AuthBuilder {
    with(EmailSignIn::On)(builder)
}

pub(crate) fn with(sign_in: EmailSignIn) -> impl FnOnce(AuthBuilder) -> AuthBuilder {
    move |builder| builder.configure(|config| config.email_codes.sign_in = sign_in)
}

/// What somebody has who has asked for a code and read the mail.
pub(crate) struct Asked {
    pub(crate) flow: FlowToken,
    pub(crate) code: String,
    pub(crate) link: OneTimeToken,
}

impl TestAuth {
    pub(crate) fn codes(&self) -> EmailCodes {
        self.auth.email_codes().unwrap()
    }

    /// Somebody whose address is proved: nothing of the account goes with the first code.
    pub(crate) async fn proved(&self) -> User {
        self.auth.create_user(CreateUser::new(EMAIL).password(PASSWORD).verified()).await.unwrap()
    }

    pub(crate) async fn start(&self, email: &str) -> Flow {
        self.codes().start(Start::new(email)).await.unwrap()
    }

    /// The mails with codes that leave now.
    pub(crate) async fn codes_mailed(&self) -> Vec<Mail> {
        self.auth.deliver_mail().await.unwrap();
        let mails = self.outbox.take().into_iter().map(|(mail, _)| mail);
        mails.filter(|mail| mail.kind == MailKind::SignInCode).collect()
    }

    pub(crate) async fn ask(&self, email: &str) -> Asked {
        let flow = self.start(email).await.token;
        let mut mails = self.codes_mailed().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        let mail = mails.remove(0);
        Asked { flow, code: mail.code.unwrap().expose().to_owned(), link: mail.link.unwrap().token }
    }

    pub(crate) async fn by_code(&self, email: &str, code: &str, flow: &FlowToken) -> Result<Tokens, Error> {
        tokens(self.codes().confirm(Confirm::code(email, code, Some(flow.clone()))).await)
    }

    pub(crate) async fn by_link(&self, link: &OneTimeToken) -> Result<Tokens, Error> {
        tokens(self.codes().confirm(Confirm::link(link.clone())).await)
    }
}

pub(crate) fn tokens(confirmed: Result<Confirmed, Error>) -> Result<Tokens, Error> {
    match confirmed?.sign_in {
        SignIn::Granted(tokens) => Ok(tokens),
        other => panic!("expected tokens, got {other:?}"),
    }
}

/// Another one of eight digits.
pub(crate) fn wrong(code: &str) -> String {
    format!("{:08}", (code.parse::<u32>().unwrap() + 1) % 100_000_000)
}

each_database! {
    async fn a_code_signs_in_once_where_it_was_asked_for_and_proves_the_address(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let user = test.register().await;
        let asked = test.ask("Ada@EXAMPLE.com").await;
        let tokens = test.by_code(EMAIL, &asked.code, &asked.flow).await.unwrap();
        assert_eq!(tokens.user_id, user.id);
        assert!(test.auth.user(user.id).await.unwrap().email_verified);
        let caller = test.auth.verifier().verify(tokens.access.expose()).unwrap();
        assert_eq!(caller.methods(), ["email"]);
        assert_refused!(test.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Refused(refusal::INVALID_CODE));
        assert_refused!(test.by_link(&asked.link).await, Error::Validation(_));
        assert_eq!(test.count("auth_email_code").await, 0);
        let codes = ["link_asked", "email_verified", "signed_in", "sign_in_failed", "link_refused"];
        assert!(codes.iter().all(|code| test.events.count(code) == 1), "{:?}", test.events.kinds());
    }

    async fn a_code_is_as_good_with_the_spaces_of_a_copy(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        let asked = test.ask(EMAIL).await;
        let (first, second) = asked.code.split_at(4);
        test.by_code(EMAIL, &format!(" {first} {second}\n"), &asked.flow).await.unwrap();
    }

    async fn a_code_is_no_good_elsewhere_than_where_it_was_asked_for(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        let (own, other) = (test.ask(EMAIL).await, test.start("eve@example.com").await.token);
        let own_again = test.start(EMAIL).await.token;
        let link = FlowToken::new(own.link.expose());
        for flow in [None, Some(other), Some(own_again), Some(link), Some("nonsense".into())] {
            let confirm = Confirm::code(EMAIL, &own.code, flow);
            assert_refused!(test.codes().confirm(confirm).await, Error::Refused(refusal::INVALID_CODE));
        }
        // Nor with another address, nor is the cookie a link.
        assert_refused!(test.by_code("eve@example.com", &own.code, &own.flow).await, Error::Refused(refusal::INVALID_CODE));
        assert_refused!(test.by_link(&OneTimeToken::new(own.flow.expose())).await, Error::Validation(_));
        test.by_code(EMAIL, &own.code, &own.flow).await.unwrap();
    }

    async fn the_link_signs_in_in_any_browser_once_and_ends_the_code(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        let user = test.register().await;
        let asked = test.ask(EMAIL).await;
        assert_eq!(test.by_link(&asked.link).await.unwrap().user_id, user.id);
        assert_refused!(test.by_link(&asked.link).await, Error::Validation(_));
        assert_refused!(test.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Refused(refusal::INVALID_CODE));
    }

    async fn a_page_can_name_the_account_of_a_link_before_it_is_used(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.register().await;
        let asked = test.ask("ADA@example.com").await;
        let owner = |flow| {
            let (codes, link) = (test.codes(), asked.link.clone());
            async move { codes.link_owner(&link, flow, ClientInfo::default()).await.unwrap() }
        };
        let own = owner(Some(&asked.flow)).await;
        assert_eq!((own.email.expose(), own.is_of_this_browser), (EMAIL, true));
        assert!(!owner(None).await.is_of_this_browser);
        let other = test.start("eve@example.com").await.token;
        assert!(!owner(Some(&other)).await.is_of_this_browser);
        test.by_link(&asked.link).await.unwrap();
        let used = test.codes().link_owner(&asked.link, None, ClientInfo::default()).await;
        assert_refused!(used, Error::Validation(_));
    }

    async fn code_and_link_work_for_ten_minutes(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.proved().await;
        for late in [false, true] {
            let (by_code, by_link) = (test.ask(EMAIL).await, { test.clock.advance(MINUTE); test.ask(EMAIL).await });
            test.clock.advance(539 * SECOND);
            if late {
                test.clock.advance(MINUTE + SECOND);
                assert_refused!(test.by_code(EMAIL, &by_code.code, &by_code.flow).await, Error::Refused(refusal::INVALID_CODE));
                assert_refused!(test.by_link(&by_link.link).await, Error::Validation(_));
            } else {
                test.by_code(EMAIL, &by_code.code, &by_code.flow).await.unwrap();
                test.by_link(&by_link.link).await.unwrap();
            }
        }
        test.auth.sweep().await.unwrap();
        test.clock.advance(SECOND);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_email_code").await, 0, "what is over is swept");
    }

    async fn five_wrong_codes_end_the_sign_in_and_its_link(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.proved().await;
        let (four, five) = (test.ask(EMAIL).await, { test.clock.advance(MINUTE); test.ask(EMAIL).await });
        for (asked, tries) in [(&four, 4), (&five, 5)] {
            for _ in 0..tries {
                let refused = test.by_code(EMAIL, &wrong(&asked.code), &asked.flow).await;
                assert_refused!(refused, Error::Refused(refusal::INVALID_CODE));
            }
        }
        test.by_code(EMAIL, &four.code, &four.flow).await.unwrap();
        assert_refused!(test.by_code(EMAIL, &five.code, &five.flow).await, Error::Refused(refusal::INVALID_CODE));
        assert_refused!(test.by_link(&five.link).await, Error::Validation(_));
    }

    async fn wrong_codes_are_counted_with_wrong_passwords_and_a_right_one_forgets_both(db: &TestDatabase) {
        let test = TestAuth::with(db, on).await;
        test.proved().await;
        let asked = test.ask(EMAIL).await;
        for _ in 0..5 {
            test.try_login(EMAIL, "wrong").await.unwrap_err();
            test.by_code(EMAIL, "00000000", &FlowToken::new("none")).await.unwrap_err();
        }
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Throttled { .. });
        assert_refused!(test.by_code(EMAIL, &asked.code, &asked.flow).await, Error::Throttled { .. });
        // The link cannot be guessed, so nobody keeps its owner out.
        test.by_link(&asked.link).await.unwrap();
        test.clock.advance(6 * SECOND);
        let asked = { test.clock.advance(MINUTE); test.ask(EMAIL).await };
        test.by_code(EMAIL, &asked.code, &asked.flow).await.unwrap();
        for _ in 0..9 {
            test.try_login(EMAIL, "wrong").await.unwrap_err();
        }
        test.login().await;
    }

    async fn a_right_code_is_asked_for_the_second_factor(db: &TestDatabase) {
        let world = FactorWorld::with(db, on).await;
        let asked = world.test.ask(EMAIL).await;
        let confirm = Confirm::code(EMAIL, &asked.code, Some(asked.flow));
        let confirmed = world.test.codes().confirm(confirm).await.unwrap();
        let SignIn::Challenge(challenge) = confirmed.sign_in else { panic!("{confirmed:?}") };
        assert!(challenge.methods.contains(&"totp"));
        world.test.clock.advance(MINUTE);
        let link = world.test.ask(EMAIL).await.link;
        let confirmed = world.test.codes().confirm(Confirm::link(link)).await.unwrap();
        assert!(matches!(confirmed.sign_in, SignIn::Challenge(_)), "{confirmed:?}");
    }

    async fn the_sign_in_comes_back_to_where_it_began_and_to_no_other_site(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| {
            on(builder).configure(|config| config.email_codes.redirect_origins = vec!["https://app.example.com".to_owned()])
        }).await;
        test.register().await;
        let start = |place: &str| Start::new(EMAIL).redirect_to(place);
        assert_refused!(test.codes().start(start("https://evil.example/")).await, Error::Validation(_));
        test.codes().start(start("https://app.example.com/cart")).await.unwrap();
        let link = test.codes_mailed().await.remove(0).link.unwrap().token;
        let confirmed = test.codes().confirm(Confirm::link(link)).await.unwrap();
        assert_eq!(confirmed.redirect_to.as_deref(), Some("https://app.example.com/cart"));
    }

    async fn asking_takes_the_same_work_whatever_is_behind_the_address(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| on(builder).configure(|config| config.audit_retention = Some(DAY))).await;
        test.register().await;
        let disabled = test.auth.register(auth_core::Register::new("eve@example.com", PASSWORD)).await.unwrap();
        test.auth.disable(disabled.id, ClientInfo::default()).await.unwrap();
        let mut seen = Vec::new();
        for email in [EMAIL, "eve@example.com", "nobody@example.com"] {
            test.statements();
            let flow = test.start(email).await;
            let asked = test.statements();
            for _ in 0..2 {
                let refused = test.by_code(email, "12345678", &flow.token).await;
                assert_refused!(refused, Error::Refused(refusal::INVALID_CODE));
            }
            let first = test.statements();
            seen.push((asked, first, flow.expires_in, flow.token.expose().len(), test.hasher.verifications()));
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
        assert_eq!((seen[0].0.len(), seen[0].1.len()), (4, 10));
    }
}
