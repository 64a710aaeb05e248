//! The forms of the pages are held to what the JSON doors are held to: whoever sends one learns nothing about an address, and what a form
//! takes the database and the hasher is what the door of the same rule takes.

use auth_core::{ClientInfo, CreateUser, EmailSignIn, EmailVerification, test_util::Outbox};
use auth_migration::test_util::TestDatabase;
use auth_tower::ClientAddr;
use http::HeaderMap;
use serde_json::json;

use super::walker::{ask, pages_of};
use crate::support::{ADA, Answer, PASSWORD, Req, World};

/// Of one length, so that pages with them are too: proved, of nobody, disabled, and not proved.
const ADDRESSES: [&str; 4] = [ADA, "eve@example.com", "bob@example.com", "kim@example.com"];

/// What a request has taken: statements, verifications and hashes.
type Work = (usize, usize, usize);

/// A form and the door of the same rule, each for an address.
struct Case {
    name: &'static str,
    form: fn(&str) -> Req,
    door: fn(&str) -> Req,
    status: u16,
}

fn post(path: &str, pairs: &[(&str, &str)]) -> Req {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(pairs);
    Req::post(path).header("x-request-id", "same").form(body.finish())
}

fn json(path: &str, body: &serde_json::Value) -> Req {
    Req::post(path).header("x-request-id", "same").json(body.to_string())
}

const CASES: &[Case] = &[
    Case {
        name: "sign-in",
        form: |email| post("/sign-in", &[("email", email), ("password", "wrong horse")]),
        door: |email| json("/login", &json!({"email": email, "password": "wrong horse"})),
        status: 422,
    },
    Case {
        name: "sign-up",
        form: |email| post("/sign-up", &[("email", email), ("password", PASSWORD)]),
        door: |email| json("/register", &json!({"email": email, "password": PASSWORD})),
        status: 303,
    },
    Case {
        name: "forgot",
        form: |email| post("/forgot", &[("email", email)]),
        door: |email| json("/forgot-password", &json!({"email": email})),
        status: 303,
    },
    Case {
        name: "a code by mail",
        form: |email| post("/code", &[("email", email)]),
        door: |email| json("/login/email", &json!({"email": email})),
        status: 200,
    },
    Case {
        name: "a wrong code",
        form: |email| post("/code", &[("asked", email), ("code", "00000000")]),
        door: |email| json("/login/email/confirm", &json!({"email": email, "code": "00000000"})),
        status: 422,
    },
];

async fn world(database: &TestDatabase) -> (World, Outbox) {
    let settings = |builder: auth_core::AuthBuilder| {
        builder.configure(|config| {
            config.email_codes.sign_in = EmailSignIn::On;
            config.email_verification = EmailVerification::Required;
        })
    };
    let (world, outbox) = World::with_mail(database, settings).await;
    let [ada, _, bob, kim] = ADDRESSES;
    for email in [ada, bob] {
        world.auth.create_user(CreateUser::new(email).password(PASSWORD).verified()).await.unwrap();
    }
    world.auth.create_user(CreateUser::new(kim).password(PASSWORD)).await.unwrap();
    let bob = world.auth.find_user(bob).await.unwrap().id;
    world.auth.disable(bob, ClientInfo::default()).await.unwrap();
    (world, outbox)
}

/// The answer, and what it took.
async fn measured(world: &World, send: impl Future<Output = Answer>) -> (Answer, Work) {
    let before = (world.hasher.verifications(), world.hasher.hashes());
    world.statements();
    let answer = send.await;
    let (verifications, hashes) = (world.hasher.verifications() - before.0, world.hasher.hashes() - before.1);
    (answer, (world.statements(), verifications, hashes))
}

/// All that somebody sees of an answer, but for the value of a cookie.
fn seen(answer: &Answer, email: &str) -> (u16, HeaderMap, Vec<usize>, String) {
    let mut headers = answer.headers.clone();
    let cookies = headers.get_all("set-cookie").iter().map(|cookie| cookie.as_bytes().len()).collect();
    headers.remove("set-cookie");
    (answer.status.as_u16(), headers, cookies, answer.body.replace(email, "ADDRESS"))
}

#[tokio::test]
async fn a_form_says_the_same_for_every_address_after_the_work_of_the_door() {
    for case in CASES {
        let mut first = None;
        for email in ADDRESSES {
            // Each in a world of its own, as what one has done is part of what the next one takes.
            let databases = [TestDatabase::sqlite().await, TestDatabase::sqlite().await];
            let [(of_form, _), (of_door, _)] = [world(&databases[0]).await, world(&databases[1]).await];
            let pages = pages_of(&of_form);
            let (answer, work) = measured(&of_form, ask(&pages, (case.form)(email))).await;
            assert_eq!(answer.status, case.status, "{} of {email}: {answer:?}", case.name);
            let (_, door) = measured(&of_door, of_door.send((case.door)(email))).await;
            assert_eq!(work, door, "{} of {email}: statements, verifications, hashes", case.name);
            let this = (seen(&answer, email), work);
            assert_eq!(first.get_or_insert_with(|| this.clone()), &this, "{} of {email}", case.name);
        }
    }
}

#[tokio::test]
async fn guesses_in_a_form_are_stopped_for_every_address_with_the_same_bytes() {
    for form in [CASES[0].form, CASES[4].form] {
        let mut first: Option<Vec<_>> = None;
        for email in ADDRESSES {
            let database = TestDatabase::sqlite().await;
            let (world, _) = world(&database).await;
            let pages = pages_of(&world);
            let mut answers = Vec::new();
            for _ in 0..13 {
                answers.push(seen(&ask(&pages, form(email)).await, email));
            }
            assert_eq!(answers[9].0, 422, "{:?}", answers[9]);
            assert_eq!(answers[10].0, 429, "{:?}", answers[10]);
            assert!(answers[10].3.contains("Please wait (seconds: "), "{:?}", answers[10]);
            assert_eq!(first.get_or_insert_with(|| answers.clone()), &answers, "{email}");
        }
    }
}

#[tokio::test]
async fn a_network_that_sends_too_many_forms_has_to_wait_at_each_of_them() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = world(&database).await;
    let pages = pages_of(&world);
    let from = |request: Req| request.extension(ClientAddr("2001:db8::1".parse().unwrap()));
    for number in 0..100 {
        let email = format!("leaked{number}@example.com");
        ask(&pages, from((CASES[0].form)(&email))).await.expect(422);
    }
    for case in CASES {
        let answer = ask(&pages, from((case.form)("eve@example.com"))).await.expect(429);
        assert_eq!(answer.header("retry-after"), Some("9"), "{}", case.name);
        assert!(answer.body.contains("Please wait (seconds: 9)"), "{}: {answer:?}", case.name);
        let door = world.send(from((case.door)("eve@example.com"))).await;
        assert_eq!(door.status, 429, "{}: {door:?}", case.name);
    }
    let elsewhere =
        (CASES[0].form)("eve@example.com").extension(ClientAddr("2001:db8:1::1".parse().unwrap()));
    ask(&pages, elsewhere).await.expect(422);
}
