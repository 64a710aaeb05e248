//! Events to other services as they happen: webhooks and logout tokens.

use std::time::Duration;

use auth_core::{
    AuthBuilder, ClientInfo, CreateUser, Error, FeedQuery, Register,
    refusal::CURSOR_TOO_OLD,
    webhooks::{self, NewWebhook, WEBHOOK_NOT_FOUND, WEBHOOK_OF_SETTING, WebhookChange},
};
use auth_migration::{each_database, test_util::TestDatabase};
use aws_lc_rs::hmac;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::{
    assert_refused,
    support::{DAY, HOUR, PASSWORD, Received, Receiver, SECOND, TestAuth, polling},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn nobody() -> ClientInfo {
    ClientInfo::default()
}

fn audited(builder: AuthBuilder) -> AuthBuilder {
    builder.configure(|config| config.audit_retention = Some(90 * DAY))
}

/// With what administrators add, at private addresses too.
fn given(builder: AuthBuilder) -> AuthBuilder {
    audited(builder).webhooks(webhooks::Config::new().allow_private())
}

/// With one by settings, which has been heard of.
async fn set(db: &TestDatabase, receiver: &Receiver) -> TestAuth {
    let config = webhooks::Config::new().webhook(&receiver.url, SECRET);
    let test = TestAuth::with(db, |builder| audited(builder).webhooks(config)).await;
    test.auth.deliver_webhooks().await.unwrap();
    test
}

async fn make(test: &TestAuth, name: &str) {
    test.auth.register(Register::new(format!("{name}@example.com"), PASSWORD)).await.unwrap();
}

/// One round, with what has happened until now.
async fn deliver(test: &TestAuth) -> u64 {
    test.auth.place_events().await.unwrap();
    test.auth.deliver_webhooks().await.unwrap()
}

/// As the specification has it: <https://www.standardwebhooks.com>.
fn is_signed(received: &Received, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let head = format!("{}.{}.", received.header("webhook-id"), received.header("webhook-timestamp"));
    let signed = hmac::sign(&key, &[head.as_bytes(), &received.body].concat());
    let signature = format!("v1,{}", STANDARD.encode(signed));
    received.header("webhook-signature").split(' ').any(|one| one == signature)
}

each_database! {
    async fn a_webhook_is_told_of_each_event_once_in_order_signed_and_thin(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        let tokens = test.signed_in().await;
        assert_eq!(deliver(&test).await, 2);
        let received = receiver.take();
        assert!(received.iter().all(|one| is_signed(one, SECRET)));
        let events = test.auth.events_after(FeedQuery::after(0)).await.unwrap().events;
        assert_eq!(received[1].header("webhook-id"), events[1].event.id.to_string());
        let body = received[1].json();
        assert_eq!(body["type"], "signed_in");
        assert!(body["timestamp"].as_str().unwrap().ends_with('Z'), "{body}");
        let data = json!({
            "id": events[1].event.id, "seq": 2, "user_id": tokens.user_id.as_uuid(), "session_id": tokens.session_id.as_uuid(),
            "actor_id": null, "reason": "pwd",
        });
        assert_eq!(body["data"], data);
        assert!(received.iter().all(|one| !String::from_utf8_lossy(&one.body).contains('@')), "no address");
        assert_eq!((deliver(&test).await, receiver.take().len()), (0, 0), "once");
        make(&test, "bob").await;
        deliver(&test).await;
        assert_eq!(receiver.kinds(), ["registered"]);
    }

    async fn what_happened_before_there_was_a_webhook_is_no_news(db: &TestDatabase) {
        let test = TestAuth::with(db, given).await;
        make(&test, "before").await;
        test.auth.place_events().await.unwrap();
        let receiver = Receiver::start().await;
        let made = test.auth.webhooks().unwrap().create(NewWebhook::new(&receiver.url).types(["registered"]), nobody()).await.unwrap();
        make(&test, "after").await;
        deliver(&test).await;
        let received = receiver.take();
        assert_eq!(received.len(), 1);
        assert!(is_signed(&received[0], made.secret.expose()));
        assert_eq!(test.auth.webhooks().unwrap().find(made.webhook.id).await.unwrap().after, 3, "over what it does not want");
    }

    async fn a_failed_event_is_sent_again_by_the_schedule_with_the_same_id_before_any_later_one(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        receiver.answer(500, "");
        make(&test, "bob").await;
        make(&test, "carol").await;
        assert_eq!(deliver(&test).await, 0);
        let first = receiver.take();
        assert_eq!(first.len(), 1, "the later one waits");
        for seconds in [5, 30, 120, 900, 3600, 10_800, 36_000, 3600, 3600] {
            test.clock.advance(Duration::from_millis(seconds * 1000 - 1));
            deliver(&test).await;
            assert_eq!(receiver.take().len(), 0, "not before {seconds} s");
            test.clock.advance(Duration::from_millis(1));
            deliver(&test).await;
            let again = receiver.take();
            assert_eq!((again.len(), &again[0].body), (1, &first[0].body), "after {seconds} s");
            assert_eq!(again[0].header("webhook-id"), first[0].header("webhook-id"));
            assert!(is_signed(&again[0], SECRET), "with the time of the try");
        }
        receiver.answer(200, "");
        test.clock.advance(HOUR);
        assert_eq!(deliver(&test).await, 2);
        assert_eq!(receiver.take()[0].body, first[0].body);
        let webhook = test.auth.webhooks().unwrap().list().await.unwrap().remove(0);
        assert_eq!((webhook.failing_since, webhook.next_try_at), (None, None));
        let tries = test.auth.webhooks().unwrap().deliveries(webhook.id, 100).await.unwrap();
        assert_eq!((tries.len(), tries[0].status, tries[2].status), (12, Some(200), Some(500)));
        assert!(tries[2].next_try_at.is_some() && tries[0].next_try_at.is_none());
    }

    async fn after_three_days_of_failures_a_webhook_is_off_and_those_who_administer_are_told(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        test.auth.create_user(CreateUser::new("admin@example.com").role("admin").verified()).await.unwrap();
        receiver.answer(503, "");
        let mut hours = 0;
        while hours < 80 {
            deliver(&test).await;
            test.clock.advance(HOUR);
            hours += 1;
        }
        let webhook = test.auth.webhooks().unwrap().list().await.unwrap().remove(0);
        assert_eq!(webhook.off.as_ref().unwrap().reason, "failing");
        assert_eq!(test.kinds_of_mails().await, ["webhook_off"]);
        let codes = |auth: auth_core::Auth| async move {
            auth.check().await.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert!(codes(test.auth.clone()).await.contains(&"webhook_off"));
        receiver.take();
        deliver(&test).await;
        assert_eq!(receiver.take().len(), 0);
        // Switched on again it goes on where it was.
        receiver.answer(200, "");
        let mut on = WebhookChange::default();
        on.on = Some(true);
        test.auth.webhooks().unwrap().change(webhook.id, on, nobody()).await.unwrap();
        deliver(&test).await;
        assert_eq!(receiver.kinds(), ["created", "roles_changed", "webhook_off", "webhook_changed"]);
        assert!(!codes(test.auth.clone()).await.contains(&"webhook_off"));
    }

    async fn a_webhook_that_says_it_is_gone_is_off_and_one_that_redirects_is_not_followed(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        receiver.answer(302, "");
        make(&test, "bob").await;
        deliver(&test).await;
        assert_eq!(receiver.take().len(), 1);
        receiver.answer(410, "");
        test.clock.advance(5 * SECOND);
        deliver(&test).await;
        let webhook = test.auth.webhooks().unwrap().list().await.unwrap().remove(0);
        assert_eq!(webhook.off.unwrap().reason, "gone");
    }

    async fn an_event_that_a_webhook_has_not_had_is_not_swept(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let config = webhooks::Config::new().webhook(&receiver.url, SECRET);
        let test = TestAuth::with(db, |builder| {
            builder.configure(|config| config.audit_retention = Some(DAY)).webhooks(config)
        }).await;
        test.auth.deliver_webhooks().await.unwrap();
        receiver.answer(500, "");
        make(&test, "bob").await;
        deliver(&test).await;
        test.clock.advance(2 * DAY);
        test.auth.sweep().await.unwrap();
        receiver.answer(200, "");
        receiver.take();
        deliver(&test).await;
        assert_eq!(receiver.kinds(), ["registered"]);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_event").await, 0);
    }

    async fn a_webhook_that_hangs_or_fails_keeps_no_other_waiting(db: &TestDatabase) {
        let (poison, refusing, good) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
        poison.hang();
        refusing.answer(500, "");
        let test = TestAuth::with(db, |builder| given(polling(builder))).await;
        for receiver in [&poison, &refusing, &good] {
            test.auth.webhooks().unwrap().create(NewWebhook::new(&receiver.url).types(["registered"]), nobody()).await.unwrap();
        }
        let background = test.auth.clone();
        let background = tokio::spawn(async move { background.run_background().await });
        for number in 1..=20 {
            make(&test, &number.to_string()).await;
            // Well below the ten seconds that the one hangs for.
            tokio::time::timeout(5 * SECOND, good.wait_for(number)).await.unwrap();
        }
        assert_eq!((poison.take().len(), refusing.take().len()), (1, 1));
        background.abort();
    }

    async fn what_ends_a_session_is_told_by_a_logout_token(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let config = webhooks::Config::new().logout_url(&receiver.url);
        let test = TestAuth::with(db, |builder| audited(builder).webhooks(config)).await;
        test.auth.deliver_webhooks().await.unwrap();
        let tokens = test.signed_in().await;
        test.auth.logout(tokens.refresh, nobody()).await.unwrap();
        test.auth.disable(tokens.user_id, nobody()).await.unwrap();
        assert_eq!(deliver(&test).await, 2, "no sign-in is told");
        let received = receiver.take();
        let claims: Vec<Value> = received.iter().map(|one| {
            assert_eq!(one.header("content-type"), "application/x-www-form-urlencoded");
            let token = std::str::from_utf8(&one.body).unwrap().strip_prefix("logout_token=").unwrap();
            assert_refused!(test.auth.verifier().verify(token), Error::InvalidToken);
            let part = |place: usize| -> Value {
                let text = token.split('.').nth(place).unwrap();
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
            };
            assert_eq!(part(0)["typ"], "logout+jwt");
            part(1)
        }).collect();
        assert_eq!(claims[0]["sid"], json!(tokens.session_id.as_uuid()));
        assert_eq!((&claims[1]["sid"], &claims[1]["sub"]), (&Value::Null, &json!(tokens.user_id.as_uuid())));
        for claims in claims {
            assert_eq!(claims["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
            assert_eq!((&claims["iss"], &claims["aud"], claims.get("nonce")), (&json!("auth"), &json!("auth"), None));
        }
    }

    async fn a_secret_is_encrypted_at_rest_and_for_a_day_after_its_change_both_sign(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = TestAuth::with(db, given).await;
        let webhooks = test.auth.webhooks().unwrap();
        let made = webhooks.create(NewWebhook::new(&receiver.url).types(["registered"]), nobody()).await.unwrap();
        let (id, old) = (made.webhook.id, made.secret);
        let new = webhooks.rotate_secret(id, nobody()).await.unwrap().secret;
        assert_ne!(old.expose(), new.expose());
        make(&test, "bob").await;
        deliver(&test).await;
        test.clock.advance(DAY);
        make(&test, "carol").await;
        deliver(&test).await;
        let received = receiver.take();
        assert!(is_signed(&received[0], old.expose()) && is_signed(&received[0], new.expose()));
        assert!(!is_signed(&received[1], old.expose()) && is_signed(&received[1], new.expose()));
        let dump = test.dump("auth_webhook").await;
        for secret in [old, new] {
            let bytes = STANDARD.decode(secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
            assert!(!dump.contains(&format!("{:?}", secret.expose().as_bytes()).replace(['[', ']'], "")));
            assert!(!dump.contains(&format!("{bytes:?}").replace(['[', ']'], "")));
        }
    }

    async fn administrators_make_list_change_test_replay_and_remove_webhooks(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = TestAuth::with(db, given).await;
        let webhooks = test.auth.webhooks().unwrap();
        let made = webhooks.create(NewWebhook::new(&receiver.url).secret(SECRET), nobody()).await.unwrap();
        let id = made.webhook.id;
        assert_eq!(made.secret.expose(), SECRET);
        assert_eq!(webhooks.list().await.unwrap(), [made.webhook]);

        let tried = webhooks.test(id).await.unwrap();
        assert_eq!((tried.status, tried.code.as_str()), (Some(204), "test"));
        assert!(is_signed(&receiver.take()[0], SECRET));

        make(&test, "bob").await;
        deliver(&test).await;
        assert_eq!(receiver.kinds(), ["webhook_added", "registered"]);
        webhooks.replay(id, 1, nobody()).await.unwrap();
        deliver(&test).await;
        assert_eq!(receiver.kinds(), ["registered", "webhook_changed"]);
        assert_refused!(webhooks.replay(id, 99, nobody()).await, Error::Refused(CURSOR_TOO_OLD));

        let mut change = WebhookChange::default();
        change.types = Some(vec!["deleted".to_owned()]);
        change.on = Some(false);
        let changed = webhooks.change(id, change, nobody()).await.unwrap();
        assert_eq!((changed.types, changed.off.unwrap().reason), (vec!["deleted".to_owned()], "by_hand".to_owned()));
        webhooks.remove(id, nobody()).await.unwrap();
        assert_refused!(webhooks.remove(id, nobody()).await, Error::Refused(WEBHOOK_NOT_FOUND));
        assert_eq!((test.count("auth_webhook").await, test.count("auth_webhook_delivery").await), (0, 0));
    }

    async fn an_administrator_can_lead_no_webhook_to_what_only_this_machine_reaches(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| audited(builder).webhooks(webhooks::Config::new())).await;
        let webhooks = test.auth.webhooks().unwrap();
        for url in ["http://hooks.example.com/", "https://169.254.169.254/latest", "https://[::1]/", "https://10.0.0.1/", "file:///etc", "x"] {
            assert_refused!(webhooks.create(NewWebhook::new(url), nobody()).await, Error::Validation(_));
        }
        // A name may lead there: it is found out when it is looked up, and nothing is connected to.
        let made = webhooks.create(NewWebhook::new("https://localhost:1/"), nobody()).await.unwrap();
        assert_eq!(webhooks.test(made.webhook.id).await.unwrap().status, None);
        for (types, secret) in [(vec!["Not A Code"], SECRET), (vec![], "whsec_short")] {
            let new = NewWebhook::new("https://hooks.example.com/").types(types).secret(secret);
            assert_refused!(webhooks.create(new, nobody()).await, Error::Validation(_));
        }
    }

    async fn what_a_setting_names_is_changed_there_and_ends_with_it(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        let webhooks = test.auth.webhooks().unwrap();
        let webhook = webhooks.list().await.unwrap().remove(0);
        assert!(webhook.is_of_setting);
        assert_refused!(webhooks.remove(webhook.id, nobody()).await, Error::Refused(WEBHOOK_OF_SETTING));
        assert_refused!(webhooks.rotate_secret(webhook.id, nobody()).await, Error::Refused(WEBHOOK_OF_SETTING));
        let moved = Receiver::start().await;
        let config = webhooks::Config::new().webhook(&moved.url, SECRET);
        let next = TestAuth::instance(db, crate::support::keys(), &test.clock, 2, |builder| audited(builder).webhooks(config)).await;
        make(&next, "bob").await;
        next.auth.place_events().await.unwrap();
        next.auth.deliver_webhooks().await.unwrap();
        assert_eq!((moved.kinds(), receiver.take().len()), (vec!["registered".to_owned()], 0), "it goes on at the new address");
        let without = TestAuth::instance(db, crate::support::keys(), &test.clock, 2, given).await;
        without.auth.deliver_webhooks().await.unwrap();
        assert_eq!(without.auth.webhooks().unwrap().list().await.unwrap(), []);
    }

    async fn whoever_dies_before_writing_down_that_an_event_arrived_sends_it_again(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        make(&test, "bob").await;
        test.auth.place_events().await.unwrap();
        let halting = crate::support::Halting::with(&test, db, |builder| {
            audited(builder).webhooks(webhooks::Config::new().webhook(&receiver.url, SECRET))
        }).await;
        let auth = halting.auth.clone();
        // Another instance delivers between the answer and the UPDATE of the first.
        let meanwhile = async { assert_eq!(test.auth.deliver_webhooks().await.unwrap(), 1); };
        if test.db.get_database_backend() == sea_orm::DbBackend::Sqlite {
            // There the transaction of the first holds the only writer.
            test.auth.deliver_webhooks().await.unwrap();
        } else {
            halting.run(("SELECT", "auth_event"), async move { auth.deliver_webhooks().await.unwrap() }, meanwhile).await;
        }
        let received = receiver.take();
        let mut ids: Vec<_> = received.iter().map(|one| one.header("webhook-id").to_owned()).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "one event, however often");
        assert_eq!(test.auth.webhooks().unwrap().list().await.unwrap()[0].after, 1);
    }
}

#[tokio::test]
async fn webhooks_need_an_audit_and_addresses_and_secrets_of_the_right_form() {
    let build = async |config: webhooks::Config, retention| {
        let db = auth_core::connect("sqlite::memory:").await.unwrap();
        let builder = auth_core::Auth::builder(db, crate::support::keys()).webhooks(config);
        builder
            .configure(|config| config.audit_retention = retention)
            .build()
            .map(drop)
            .map_err(|error| error.setting())
    };
    let good = || webhooks::Config::new().webhook("https://a.example/", SECRET);
    assert_eq!(build(good(), Some(DAY)).await, Ok(()));
    assert_eq!(build(good(), None).await, Err("audit_retention"));
    let config = webhooks::Config::new().webhook("https://a.example/", "secret");
    assert_eq!(build(config, Some(DAY)).await, Err("webhooks.secret"));
    assert_eq!(
        build(webhooks::Config::new().webhook("a.example", SECRET), Some(DAY)).await,
        Err("webhooks.webhook")
    );
    assert_eq!(
        build(webhooks::Config::new().logout_url("mailto:a"), Some(DAY)).await,
        Err("webhooks.logout_url")
    );
}

#[test]
fn nothing_that_is_shown_of_a_webhook_or_a_hook_has_its_secret() {
    let config = webhooks::Config::new().webhook("https://a.example/", SECRET);
    let new = NewWebhook::new("https://a.example/").secret(SECRET);
    let hook = webhooks::HttpHooks::new("https://a.example/", SECRET, &[]).unwrap();
    let shown = format!("{config:?} {new:?} {hook:?} {:?}", webhooks::WebhookSecret::new(SECRET));
    assert!(!shown.contains(SECRET.strip_prefix("whsec_").unwrap()), "{shown}");
}
