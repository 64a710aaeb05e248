//! Whether memory stays where it is: people who register, mistype their password, sign in, work, and sign out, each once
//! and from an address of their own, as fast as the server hashes.

use std::{net::Ipv4Addr, time::Duration};

use auth_migration::test_util::TestDatabase;

use crate::{
    Failure,
    client::{Rest, Script, Seen, bearer, drive, request},
    measures::{self, World},
    process::Measured,
};

const PEOPLE_AT_ONCE: usize = 8;

/// Requests between sign-in and sign-out: two reads, then a refresh, and again.
const WORK: usize = 30;

/// How often memory is looked at in all.
const LOOKS: u32 = 12;

pub(crate) async fn run(database: &TestDatabase, time: Duration) -> Result<String, Failure> {
    // Addresses are told by a proxy, so that throttling has as many networks to count for as there are people.
    let (process, address, _) =
        World::server(database, &[("TRUSTED_PROXIES", "127.0.0.1"), ("LOG_LEVEL", "warn")]).await?;
    let people = (0..PEOPLE_AT_ONCE).map(|_| lives()).collect();
    let (seen, memory) = tokio::join!(drive(address, time, Rest::Never, people), look(&process, time));
    write(&seen?, time, &memory?)
}

async fn look(process: &Measured, time: Duration) -> Result<Vec<f64>, Failure> {
    let mut looks = vec![process.memory("VmRSS")?];
    for _ in 0..LOOKS {
        tokio::time::sleep(time / LOOKS).await;
        looks.push(process.memory("VmRSS")?);
    }
    Ok(looks)
}

/// One person after the other.
fn lives() -> Script {
    let (mut step, mut email, mut address) = (0, String::new(), Ipv4Addr::LOCALHOST);
    let (mut token, mut cookie) = (String::new(), String::new());
    Box::new(move |answer| {
        if let Some(answer) = answer {
            token = answer.between("\"access_token\":\"", '"').map_or(token.clone(), str::to_owned);
            cookie = answer.cookie().unwrap_or(cookie.clone());
        }
        let now = step;
        step = (step + 1) % (WORK + 4);
        if now == 0 {
            (email, address) = measures::newcomer();
        }
        let from = format!("x-forwarded-for: {address}\r\n");
        let json = |path: &str, body: &str| {
            request("POST", path, &format!("content-type: application/json\r\n{from}"), body)
        };
        let with_cookie = |path: &str| request("POST", path, &format!("cookie: {cookie}\r\n{from}"), "");
        Some(match now {
            0 => json("/register", &measures::credentials(&email)),
            1 => json("/login", &format!(r#"{{"email":"{email}","password":"mistyped"}}"#)),
            2 => json("/login", &measures::credentials(&email)),
            step if step == WORK + 3 => with_cookie("/logout"),
            step if step % 3 == 2 => with_cookie("/refresh-token"),
            _ => bearer("/users/me", &token),
        })
    })
}

fn write(seen: &Seen, time: Duration, memory: &[f64]) -> Result<String, Failure> {
    let all: usize = seen.by_status.values().map(Vec::len).sum();
    let people = seen.count(201);
    let counts: Vec<String> =
        seen.by_status.iter().map(|(status, all)| format!("{} x {status}", all.len())).collect();
    let looks: Vec<String> = memory.iter().map(|mib| format!("{mib:.1}")).collect();
    let (every, counts, looks) = (time / LOOKS, counts.join(", "), looks.join(", "));
    let expected = seen.by_status.keys().all(|status| [200, 201, 204, 401].contains(status));
    if !expected || people == 0 {
        return Err(format!("unexpected answers: {counts}").into());
    }
    Ok(format!(
        "{all} requests of {people} people in {time:?}: {counts}\nmemory in MiB, at the start and every {every:?}: {looks}"
    ))
}
