//! The figures as a table in Markdown.

use std::{fmt::Write as _, fs, time::Duration};

use crate::{
    Plan,
    measures::{All, Rate, Round},
};

pub(crate) fn write(plan: &Plan, pinned: bool, all: &All) -> String {
    let rounds = &all.rounds;
    let of = |value: fn(&Round) -> f64| median(rounds, value);
    let millis = |value: fn(&Round) -> Duration| median(rounds, |round| value(round).as_secs_f64() * 1e3);
    let mut out = String::new();
    let mut row = |name: &str, figure: String, against: String| {
        let _ = writeln!(out, "| {name} | {figure} | {against} |");
    };
    row("what", "measured".into(), "against its limit".into());
    row("---", "---".into(), "---".into());
    let rate = |value: fn(&Round) -> Rate| {
        let per_second = median(rounds, |round| value(round).per_second);
        let cpu = median(rounds, |round| value(round).cpu_micros);
        format!("{per_second:.0}/s, {cpu:.0} µs of processor each")
    };
    let ratio = |value: fn(&Round) -> Rate, limit: fn(&Round) -> Rate| {
        let share = median(rounds, |round| value(round).per_second / limit(round).per_second);
        format!("{share:.2}")
    };
    row("raw Argon2id, memory used again", rate(|round| round.raw_hash), String::new());
    row("bare hyper", rate(|round| round.raw_http), String::new());
    row("one conditional UPDATE", rate(|round| round.raw_sql), String::new());
    let hash = |value: fn(&Round) -> Rate| {
        let cpu = median(rounds, |round| value(round).cpu_micros / round.raw_hash.cpu_micros);
        format!("{} of the raw hash; processor {cpu:.2}", ratio(value, |round| round.raw_hash))
    };
    row("login", rate(|round| round.login), hash(|round| round.login));
    row("register", rate(|round| round.register), hash(|round| round.register));
    let update = format!("{} of one UPDATE", ratio(|round| round.refresh, |round| round.raw_sql));
    row("refresh, grace 0", rate(|round| round.refresh), update);
    let http = |value| format!("{} of bare hyper", ratio(value, |round| round.raw_http));
    row("`/users/me`", rate(|round| round.me), http(|round| round.me));
    row("`/verify`", rate(|round| round.verify), http(|round| round.verify));
    row("`/verify?scope=` with a key", rate(|round| round.key), http(|round| round.key));
    let clients = plan.storm_clients;
    let storm = format!("storm of {clients} on `/login`: logins");
    let logins = of(|round| round.storm.logins_per_second);
    let share = of(|round| round.storm.logins_per_second / round.raw_hash.per_second);
    row(&storm, format!("{logins:.0}/s"), format!("{share:.2} of the raw hash"));
    let p99 = |name, value| (name, format!("{:.1} ms", millis(value)));
    let (name, figure) = p99("storm: p99 of `/users/me`", |round: &Round| round.storm.me_p99);
    row(name, figure, String::new());
    let (name, figure) = p99("storm: p99 of `/refresh-token`", |round: &Round| round.storm.refresh_p99);
    row(name, figure, String::new());
    let refused = of(|round| round.storm.refused as f64);
    let late = millis(|round| round.storm.refused_p99);
    row("storm: refused with 503", format!("{refused:.0}, p99 {late:.1} ms"), String::new());
    let other = of(|round| round.storm.other as f64);
    row("storm: answers other than 200 and 503", format!("{other:.0}"), String::new());
    let memory = format!("{:.1} MiB", of(|round| round.storm.peak_mib));
    row("storm: peak of memory above idle", memory, String::new());
    let after = format!("{:.1} MiB", of(|round| round.storm.after_mib));
    row("after the storm: memory above idle", after, String::new());
    row("idle memory", format!("{:.1} MiB", of(|round| round.idle_mib)), String::new());
    row("start to first answer", format!("{:.1} ms", millis(|round| round.start)), String::new());
    if let Some([register, login, refresh, me, verify]) = all.statements {
        let figure = format!("{register:.1}, {login:.1}, {refresh:.1}, {me:.1}, {verify:.1}");
        row("transactions per register, login, refresh, me, verify", figure, String::new());
    }
    let _ = writeln!(out, "\n{}; {}", machine(), how(plan, pinned));
    out
}

fn median(rounds: &[Round], value: impl Fn(&Round) -> f64) -> f64 {
    let mut all: Vec<f64> = rounds.iter().map(value).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let count = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{count} x {}", name.trim_start_matches(['\t', ' ', ':']))
}

fn how(plan: &Plan, pinned: bool) -> String {
    let place = if pinned { "server on one processor, load on another" } else { "nothing pinned" };
    format!("{place}; medians of {} rounds of {:?}, {} clients", plan.rounds, plan.time, plan.clients)
}
