//! Events to other services as they happen: webhooks and logout tokens.

use std::{collections::BTreeSet, time::Duration};

use auth_core::{
    AuditEvent, AuthBuilder, ClientInfo, CreateUser, EmailVerification, Error, FeedQuery, Register,
    machine::NewApiKey,
    mail::MailKind,
    refusal::CURSOR_TOO_OLD,
    test_util::ManualClock,
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
    assert_refused, oidc,
    support::{DAY, HOUR, PASSWORD, PAST_GRACE, Received, Receiver, SECOND, TestAuth, keys, polling},
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

fn logout_token(received: &Received) -> &str {
    std::str::from_utf8(&received.body).unwrap().strip_prefix("logout_token=").unwrap()
}

fn part(token: &str, place: usize) -> Value {
    let text = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

fn claims_of(received: &Received) -> Value {
    part(logout_token(received), 1)
}

async fn findings(test: &TestAuth) -> Vec<&'static str> {
    test.auth.check().await.into_iter().map(|finding| finding.code).collect()
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

    async fn while_a_webhook_takes_its_time_no_other_instance_sends_it_the_same(db: &TestDatabase) {
        let (receiver, clock) = (Receiver::start().await, ManualClock::new());
        receiver.hang();
        let instance = async || TestAuth::instance(db, keys(), &clock, 5, |builder| given(polling(builder))).await;
        let (first, second) = (instance().await, instance().await);
        let new = NewWebhook::new(&receiver.url).types(["registered"]);
        first.auth.webhooks().unwrap().create(new, nobody()).await.unwrap();
        make(&first, "bob").await;
        let run = |test: &TestAuth| {
            let auth = test.auth.clone();
            tokio::spawn(async move { auth.run_background().await })
        };
        let mut running = vec![run(&first)];
        tokio::time::timeout(5 * SECOND, receiver.wait_for(1)).await.unwrap();
        running.push(run(&second));
        // A look reads all webhooks first: once the third begins, the second is over.
        let has_looked = async |test: &TestAuth| {
            let mut looks = 0;
            while looks < 3 {
                tokio::task::yield_now().await;
                looks += test.statements().iter().filter(|sql| sql.starts_with("SELECT") && sql.contains("auth_webhook")).count();
            }
        };
        for _ in 0..4 {
            clock.advance(10 * SECOND);
            for test in [&first, &second] {
                test.statements();
                has_looked(test).await;
            }
        }
        assert_eq!(receiver.take().len(), 1, "one try at a time");
        for task in running {
            task.abort();
        }
    }

    async fn an_instance_that_ends_leaves_its_turn_to_another_at_once(db: &TestDatabase) {
        let (receiver, clock) = (Receiver::start().await, ManualClock::new());
        let instance = async || TestAuth::instance(db, keys(), &clock, 5, |builder| given(polling(builder))).await;
        let (first, second) = (instance().await, instance().await);
        let new = NewWebhook::new(&receiver.url).types(["registered"]);
        first.auth.webhooks().unwrap().create(new, nobody()).await.unwrap();
        for (number, (test, name)) in [(&first, "ada"), (&second, "bob")].into_iter().enumerate() {
            let auth = test.auth.clone();
            let running = tokio::spawn(async move { auth.run_background().await });
            make(test, name).await;
            // The clock stands: no turn ends by itself.
            tokio::time::timeout(20 * SECOND, receiver.wait_for(number + 1)).await.expect(name);
            running.abort();
            running.await.unwrap_err();
            test.auth.release_leases().await.unwrap();
            assert_eq!(first.count("auth_lease").await, 0);
        }
    }

    async fn what_a_webhook_wants_since_a_moment_ago_is_not_passed_over(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = TestAuth::with(db, given).await;
        let webhooks = test.auth.webhooks().unwrap();
        let id = webhooks.create(NewWebhook::new(&receiver.url).types(["deleted"]), nobody()).await.unwrap().webhook.id;
        make(&test, "bob").await;
        test.auth.place_events().await.unwrap();
        let halting = crate::support::Halting::with(&test, db, given).await;
        let auth = halting.auth.clone();
        let meanwhile = async {
            let mut change = WebhookChange::default();
            change.types = Some(vec!["registered".to_owned()]);
            webhooks.change(id, change, nobody()).await.unwrap();
        };
        halting.run(("SELECT", "auth_event"), async move { auth.deliver_webhooks().await.unwrap() }, meanwhile).await;
        deliver(&test).await;
        assert_eq!(receiver.kinds(), ["registered"]);
    }

    async fn what_went_to_another_address_has_not_arrived_at_the_new_one(db: &TestDatabase) {
        let (old, new) = (Receiver::start().await, Receiver::start().await);
        let test = TestAuth::with(db, given).await;
        let webhooks = test.auth.webhooks().unwrap();
        let id = webhooks.create(NewWebhook::new(&old.url).types(["registered"]), nobody()).await.unwrap().webhook.id;
        make(&test, "bob").await;
        test.auth.place_events().await.unwrap();
        let halting = crate::support::Halting::with(&test, db, given).await;
        let auth = halting.auth.clone();
        let meanwhile = async {
            let mut change = WebhookChange::default();
            change.url = Some(new.url.clone());
            webhooks.change(id, change, nobody()).await.unwrap();
        };
        halting.run(("SELECT", "auth_event"), async move { auth.deliver_webhooks().await.unwrap() }, meanwhile).await;
        deliver(&test).await;
        assert_eq!((old.kinds(), new.kinds()), (vec!["registered".to_owned()], vec!["registered".to_owned()]));
    }

    async fn each_code_is_in_the_feed_and_goes_to_webhooks_and_those_that_end_sessions_are_logout_tokens(db: &TestDatabase) {
        let (receiver, logout) = (Receiver::start().await, Receiver::start().await);
        let config = webhooks::Config::new().webhook(&receiver.url, SECRET).logout_url(&logout.url);
        let test = TestAuth::with(db, |builder| audited(builder).webhooks(config)).await;
        test.auth.deliver_webhooks().await.unwrap();
        let codes: Vec<&str> = AuditEvent::codes().collect();
        for number in 0..codes.len() {
            make(&test, &number.to_string()).await;
        }
        test.auth.place_events().await.unwrap();
        for (seq, code) in (1..).zip(&codes) {
            test.execute(&format!("UPDATE auth_event SET code = '{code}' WHERE seq = {seq}")).await;
        }
        let page = test.auth.events_after(FeedQuery::after(0)).await.unwrap();
        assert_eq!(page.events.iter().map(|event| event.event.code.as_str()).collect::<Vec<_>>(), codes);
        for (seq, code) in (1..).zip(&codes) {
            let page = test.auth.events_after(FeedQuery::after(0).types([*code])).await.unwrap();
            assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [seq], "{code}");
        }
        test.auth.deliver_webhooks().await.unwrap();
        assert_eq!(receiver.kinds(), codes);
        let all = test.auth.webhooks().unwrap().list().await.unwrap();
        let ending = all.iter().find(|webhook| webhook.url == logout.url).unwrap();
        assert_eq!(logout.take().len(), ending.types.len());
    }

    async fn all_that_ends_sessions_is_told_by_logout_tokens_and_nothing_else_is(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let world = oidc::World::with(db, |builder, issuer| {
            let builder = audited(builder).oidc(oidc::providers(issuer)).webhooks(webhooks::Config::new().logout_url(&receiver.url));
            builder.configure(|config| {
                config.email_verification = EmailVerification::On;
                config.unverified_account_ttl = Some(30 * DAY);
            })
        }).await;
        let (test, auth) = (&world.test, &world.test.auth);
        auth.deliver_webhooks().await.unwrap();
        let webhooks = auth.webhooks().unwrap();
        let webhook = webhooks.list().await.unwrap().remove(0);
        let mut arrived = BTreeSet::new();
        let address = |name: &str| format!("{name}@example.com");
        let enter = async |name: &str| {
            let tokens = test.try_login(&address(name), PASSWORD).await.unwrap();
            let caller = auth.verifier().verify(tokens.access.expose()).unwrap();
            (tokens, caller)
        };
        for code in [
            "signed_out", "refresh_reused", "all_signed_out", "others_signed_out", "disabled", "deleted", "password_changed", "password_reset",
            "email_change_stopped", "factors_reset", "reclaimed", "ways_in_removed", "unverified_removed", "roles_changed", "email_changed",
        ] {
            make(test, code).await;
            let (email, ends) = (address(code), !["roles_changed", "email_changed"].contains(&code));
            let link = test.token_of(MailKind::VerifyEmail).await;
            if code == "unverified_removed" {
                let user = auth.find_user(&email).await.unwrap().id;
                test.clock.advance(31 * DAY);
                auth.sweep().await.unwrap();
                deliver(test).await;
                let told = receiver.take();
                assert_eq!(told.iter().map(|one| claims_of(one)["sub"].clone()).collect::<Vec<_>>(), [json!(user.as_uuid())]);
                arrived.insert(code.to_owned());
                continue;
            }
            let (tokens, caller) = enter(code).await;
            let user = caller.user_id();
            match code {
                "signed_out" => auth.logout(tokens.refresh.clone(), nobody()).await.unwrap(),
                "refresh_reused" => {
                    let next = test.refresh(&tokens.refresh).await.unwrap();
                    test.clock.advance(PAST_GRACE);
                    test.refresh(&next.refresh).await.unwrap();
                    assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionOver);
                }
                "all_signed_out" => auth.logout_all(user, nobody()).await.unwrap(),
                "others_signed_out" => auth.end_other_sessions(&enter(code).await.1, nobody()).await.unwrap(),
                "disabled" => auth.disable(user, nobody()).await.unwrap(),
                "deleted" => auth.delete_user(user, nobody()).await.unwrap(),
                "password_changed" => {
                    let caller = enter(code).await.1;
                    auth.change_password(&caller, PASSWORD, "another horse battery", nobody()).await.unwrap();
                }
                "password_reset" => {
                    auth.forgot_password(&email, nobody()).await.unwrap();
                    let link = test.token_of(MailKind::ResetPassword).await;
                    auth.reset_password(link, "another horse battery", nobody()).await.unwrap();
                }
                "email_change_stopped" | "email_changed" => {
                    // Proved, so that the new address takes nothing away.
                    auth.verify_email(link, nobody()).await.unwrap();
                    auth.request_email_change(&caller, &address("new"), Some(PASSWORD.into()), nobody()).await.unwrap();
                    if ends {
                        auth.stop_email_change(test.token_of(MailKind::EmailChangeAsked).await, nobody()).await.unwrap();
                    } else {
                        auth.verify_email(test.token_of(MailKind::ChangeEmail).await, nobody()).await.unwrap();
                    }
                }
                "factors_reset" => auth.reset_factors(user, nobody()).await.unwrap(),
                "reclaimed" => drop(world.sign_in(&oidc::issuer::Person::new(code, &email)).await),
                "ways_in_removed" => {
                    auth.machines().unwrap().create_key_for(user, NewApiKey::new("nightly"), nobody()).await.unwrap();
                    auth.verify_email(link, nobody()).await.unwrap();
                }
                _ => auth.set_roles(user, &["editor"], nobody()).await.unwrap(),
            }
            deliver(test).await;
            let told: Vec<Value> = receiver.take().iter().map(claims_of).collect();
            arrived.extend(webhooks.deliveries(webhook.id, 100).await.unwrap().into_iter().map(|delivery| delivery.code));
            if ends {
                assert!(test.refresh(&tokens.refresh).await.is_err(), "{code} ends sessions");
                let is_of_one = ["signed_out", "refresh_reused"].contains(&code);
                let session = if is_of_one { json!(tokens.session_id.as_uuid()) } else { Value::Null };
                let names_it = |claims: &Value| claims["sub"] == json!(user.as_uuid()) && claims["sid"] == session;
                assert!(told.iter().any(names_it), "{code}: {told:?}");
            } else {
                test.refresh(&tokens.refresh).await.unwrap();
                assert_eq!(told, [Value::Null; 0], "{code} ends no session");
            }
        }
        assert_eq!(arrived, webhook.types.into_iter().collect(), "each of its codes was seen to end something");
    }

    async fn each_logout_token_has_an_id_of_its_own_also_when_it_is_tried_again(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let config = webhooks::Config::new().logout_url(&receiver.url);
        let test = TestAuth::with(db, |builder| audited(builder).webhooks(config)).await;
        test.auth.deliver_webhooks().await.unwrap();
        let tokens = test.signed_in().await;
        test.auth.logout(tokens.refresh, nobody()).await.unwrap();
        receiver.answer(500, "");
        deliver(&test).await;
        test.clock.advance(5 * SECOND);
        deliver(&test).await;
        let ids: BTreeSet<String> = receiver.take().iter().map(|one| claims_of(one)["jti"].to_string()).collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
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
            let token = logout_token(one);
            assert_refused!(test.auth.verifier().verify(token), Error::InvalidToken);
            assert_eq!(part(token, 0)["typ"], "logout+jwt");
            part(token, 1)
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
        for (types, secret) in [(vec!["Not A Code"], SECRET), (vec!["deleted", "registerd"], SECRET), (vec!["refreshed"], SECRET), (vec![], "whsec_short")] {
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
        let next = TestAuth::instance(db, keys(), &test.clock, 2, |builder| audited(builder).webhooks(config)).await;
        make(&next, "bob").await;
        next.auth.place_events().await.unwrap();
        next.auth.deliver_webhooks().await.unwrap();
        assert_eq!((moved.kinds(), receiver.take().len()), (vec!["registered".to_owned()], 0), "it goes on at the new address");
        let without = TestAuth::instance(db, keys(), &test.clock, 2, given).await;
        without.auth.deliver_webhooks().await.unwrap();
        assert_eq!(without.auth.webhooks().unwrap().list().await.unwrap(), []);
    }

    async fn at_another_address_nothing_has_failed_yet(db: &TestDatabase) {
        let (old, new) = (Receiver::start().await, Receiver::start().await);
        let test = TestAuth::with(db, given).await;
        let webhooks = test.auth.webhooks().unwrap();
        let lead = async |id, url: &str| {
            let mut change = WebhookChange::default();
            change.url = Some(url.to_owned());
            webhooks.change(id, change, nobody()).await.unwrap()
        };
        let id = webhooks.create(NewWebhook::new(&old.url).types(["registered"]), nobody()).await.unwrap().webhook.id;
        for status in [500, 410] {
            old.answer(status, "");
            lead(id, &old.url).await;
            make(&test, &status.to_string()).await;
            deliver(&test).await;
            old.take();
            lead(id, &old.url).await;
            deliver(&test).await;
            assert_eq!(old.take().len(), 0, "it was there before: it rests, or is off");
            lead(id, &new.url).await;
            deliver(&test).await;
            assert_eq!(new.kinds(), ["registered"], "after {status}");
        }
        let mut off = WebhookChange::default();
        off.on = Some(false);
        webhooks.change(id, off, nobody()).await.unwrap();
        assert_eq!(lead(id, &old.url).await.off.unwrap().reason, "by_hand", "somebody wanted that");
    }

    async fn a_setting_that_leads_elsewhere_switches_its_webhook_on(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        receiver.answer(410, "");
        make(&test, "bob").await;
        deliver(&test).await;
        let moved = Receiver::start().await;
        let config = webhooks::Config::new().webhook(&moved.url, SECRET);
        let next = TestAuth::instance(db, keys(), &test.clock, 2, |builder| audited(builder).webhooks(config)).await;
        deliver(&next).await;
        assert_eq!(moved.kinds(), ["registered", "webhook_off"]);
    }

    async fn a_check_finds_what_no_setting_names_any_more(db: &TestDatabase) {
        let receiver = Receiver::start().await;
        let test = set(db, &receiver).await;
        assert!(!findings(&test).await.contains(&"webhook_left"));
        let without = TestAuth::instance(db, keys(), &test.clock, 2, given).await;
        assert!(findings(&without).await.contains(&"webhook_left"));
        without.auth.deliver_webhooks().await.unwrap();
        assert!(!findings(&without).await.contains(&"webhook_left"));
        without.auth.webhooks().unwrap().create(NewWebhook::new(&receiver.url), nobody()).await.unwrap();
        let off = TestAuth::instance(db, keys(), &test.clock, 2, |builder| builder).await;
        assert!(findings(&off).await.contains(&"webhooks_off"));
    }

    async fn there_are_a_hundred_webhooks_and_no_more_however_many_add_one_at_once(db: &TestDatabase) {
        let test = TestAuth::with(db, given).await;
        let webhooks = test.auth.webhooks().unwrap();
        let new = || NewWebhook::new("https://hooks.example.com/").secret(SECRET);
        for _ in 0..98 {
            webhooks.create(new(), nobody()).await.unwrap();
        }
        let tasks: Vec<_> = (0..8).map(|_| {
            let (webhooks, new) = (webhooks.clone(), new());
            tokio::spawn(async move { webhooks.create(new, nobody()).await })
        }).collect();
        for task in tasks {
            if let Err(error) = task.await.unwrap() {
                assert!(matches!(error, Error::Validation(_)), "{error:?}");
            }
        }
        assert_eq!(test.count("auth_webhook").await, 100);
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
        let builder = auth_core::Auth::builder(db, keys()).webhooks(config);
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
