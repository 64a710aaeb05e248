use auth_core::{Error, Login, Register, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};
use tokio::task::JoinSet;

use super::at;
use crate::support::{PASSWORD, SECOND, TestAuth, granted, keys};

/// One address.
const WAYS: [&str; 10] = [
    "josé@bücher.example",
    "jose\u{301}@bücher.example",
    "JOSÉ@BÜCHER.EXAMPLE",
    "JOSE\u{301}@bücher.example",
    "  josé@bücher.example ",
    "josé@xn--bcher-kva.example",
    "josé@XN--BCHER-KVA.EXAMPLE",
    "josé@bücher\u{3002}example",
    "josé@bu\u{308}cher.example",
    "\tJosé@Bücher.Example\r\n",
];

each_database! {
    async fn ten_thousand_wrong_passwords_from_a_thousand_addresses_do_not_hurt_the_owner(db: &TestDatabase) {
        let clock = ManualClock::new();
        let busy = |builder: auth_core::AuthBuilder| builder.configure(|config| config.hashing.queue = 100);
        let one = TestAuth::instance(db, keys(), &clock, 5, busy).await;
        let other = TestAuth::instance(db, keys(), &clock, 5, busy).await;
        one.auth.register(Register::new(WAYS[0], PASSWORD)).await.unwrap();
        let owner = at("198.51.100.1");
        let first = one.login_from(owner.clone(), WAYS[0], PASSWORD).await.unwrap();
        let mut device = first.device.unwrap();

        let hashed = || one.hasher.verifications() + other.hasher.verifications();
        let (mut between, mut all, mut refused) = (hashed(), 0, 0);
        for host in 0..1000 {
            let mut guesses = JoinSet::new();
            for (number, way) in WAYS.into_iter().enumerate() {
                let auth = if (host + number) % 2 == 0 { one.auth.clone() } else { other.auth.clone() };
                let client = at(&format!("203.0.{}.{}", host / 250, host % 250));
                let guess = Login::new(way, format!("guess {host} {number}")).client(client);
                guesses.spawn(async move { auth.login(guess).await });
            }
            while let Some(outcome) = guesses.join_next().await {
                match granted(outcome.unwrap()) {
                    Err(Error::InvalidCredentials) => all += 1,
                    Err(Error::Throttled { .. }) => refused += 1,
                    other => panic!("{other:?}"),
                }
            }
            clock.advance(30 * SECOND);
            if host % 100 == 99 {
                let guesses = hashed() - between;
                assert!(guesses <= 100, "{guesses} guesses since the owner's last sign-in");
                let instance = if host % 200 == 99 { &other } else { &one };
                let client = owner.clone().device(device);
                let tokens = instance.login_from(client, WAYS[host % 10], PASSWORD).await;
                device = tokens.expect("the owner signs in at once").device.unwrap();
                between = hashed();
            }
        }
        assert_eq!(all + refused, 10_000);
        assert_eq!(hashed(), all + 11, "what was not refused, and the owner");
        // In each 50 minutes: ten at once, then after 5 s, 10 s and so on up to 640 s, and some of 15 min.
        assert!((150..=220).contains(&all), "{all}");
    }
}
