//! What is measured, in which order.

use std::{
    cell::Cell,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use auth_migration::test_util::TestDatabase;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use crate::{
    Failure, Plan,
    client::{Answer, Connection, Rest, Script, Seen, bearer, drive, json, request},
    process::{self, Measured},
};

const KEY: &str = "kT0wYx8mZr3QvN5uLb7JcHf2GdSaPe9i-RqWtXnMoKlVzBhC4";
const PASSWORD: &str = "wilted-orchid-paddles-north";

/// Requests and the processor time that the process under load took for each.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) cpu_micros: f64,
}

/// One round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) raw_hash: Rate,
    pub(crate) raw_http: Rate,
    pub(crate) raw_sql: Rate,
    pub(crate) login: Rate,
    pub(crate) register: Rate,
    pub(crate) refresh: Rate,
    pub(crate) me: Rate,
    pub(crate) verify: Rate,
    pub(crate) key: Rate,
    pub(crate) idle_mib: f64,
    pub(crate) start: Duration,
    pub(crate) storm: Storm,
}

/// 256 clients on `/login`.
#[derive(Debug, Default)]
pub(crate) struct Storm {
    pub(crate) logins_per_second: f64,
    pub(crate) me_p99: Duration,
    pub(crate) refresh_p99: Duration,
    pub(crate) refused: usize,
    pub(crate) refused_p99: Duration,
    pub(crate) other: usize,
    pub(crate) peak_mib: f64,
    pub(crate) after_mib: f64,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct All {
    pub(crate) rounds: Vec<Round>,
    /// Transactions per request as PostgreSQL counts them, for register, login, refresh, me, verify.
    pub(crate) statements: Option<[f64; 5]>,
}

pub(crate) async fn all(plan: &Plan, database: &TestDatabase) -> Result<All, Failure> {
    process::build_server()?;
    let mut rounds = Vec::new();
    for number in 1..=plan.rounds {
        eprintln!("round {number} of {}", plan.rounds);
        rounds.push(round(plan, database).await?);
    }
    let statements =
        if database.url().starts_with("postgres") { Some(statements(database).await?) } else { None };
    Ok(All { rounds, statements })
}

/// A server, and people who have signed in to it.
pub(crate) struct World {
    process: Measured,
    address: SocketAddr,
    accounts: Vec<Account>,
    start: Duration,
    idle_mib: f64,
}

struct Account {
    email: String,
    token: String,
    cookie: String,
    key: String,
}

impl World {
    /// A server with the settings that all need, and these.
    pub(crate) async fn server(
        database: &TestDatabase,
        settings: &[(&str, &str)],
    ) -> Result<(Measured, SocketAddr, Duration), Failure> {
        let port = process::free_port()?;
        let needed = [("DATABASE_URL", database.url()), ("SECRET_KEY", KEY), ("PORT", &port.to_string())];
        let (process, start) = Measured::server(port, &[&needed, settings].concat()).await?;
        Ok((process, SocketAddr::from(([127, 0, 0, 1], port)), start))
    }

    /// Grace apart, only what a load from one address needs is set; and the log has no line for each request.
    async fn start(database: &TestDatabase, grace: &str, people: usize) -> Result<Self, Failure> {
        let settings = [
            ("REFRESH_GRACE_SECONDS", grace),
            ("MAX_CONNECTIONS_PER_ADDRESS", "1000"),
            ("THROTTLE", "off"),
            ("LOG_LEVEL", "warn"),
        ];
        let (process, address, start) = Self::server(database, &settings).await?;
        let idle_mib = process.memory("VmRSS")?;
        let mut accounts = Vec::new();
        let mut connection = Connection::open(address).await?;
        for _ in 0..people {
            let email = fresh_address();
            connection.ask(&json("/register", &credentials(&email))).await?;
            let answer = connection.ask(&json("/login", &credentials(&email))).await?;
            let token = answer.between("\"access_token\":\"", '"').ok_or("no access token")?.to_owned();
            let cookie = answer.cookie().ok_or("no cookie")?;
            let new = r#"{"name":"load","scopes":["read:todos"]}"#;
            let made = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
            let answer = connection.ask(&request("POST", "/users/me/api-keys", &made, new)).await?;
            let key = answer.between("\"key\":\"", '"').ok_or("no key")?.to_owned();
            accounts.push(Account { email, token, cookie, key });
        }
        Ok(Self { process, address, accounts, start, idle_mib })
    }

    /// Lets everybody repeat a request of their own.
    async fn rate(
        &self,
        plan: &Plan,
        status: u16,
        clients: usize,
        script: impl Fn(&Account) -> Script,
    ) -> Result<Rate, Failure> {
        let scripts = self.accounts.iter().cycle().take(clients).map(script).collect();
        measured(&self.process, self.address, plan, status, scripts).await
    }
}

/// Drives scripts for the time of the plan, every answer with this status.
async fn measured(
    process: &Measured,
    server: SocketAddr,
    plan: &Plan,
    status: u16,
    scripts: Vec<Script>,
) -> Result<Rate, Failure> {
    let before = process.cpu()?;
    let seen = drive(server, plan.time, Rest::Never, scripts).await?;
    let cpu = process.cpu()? - before;
    let count = seen.count(status);
    if count == 0 || seen.by_status.len() > 1 {
        let counts: Vec<_> = seen.by_status.iter().map(|(status, all)| (status, all.len())).collect();
        return Err(format!("expected {status} and nothing else, got {counts:?}").into());
    }
    Ok(Rate { per_second: seen.per_second(status), cpu_micros: cpu * 1e6 / count as f64 })
}

thread_local! {
    static PEOPLE: Cell<u32> = const { Cell::new(0) };
}

fn fresh_address() -> String {
    newcomer().0
}

/// Addresses of mail and of the network that nobody had before.
pub(crate) fn newcomer() -> (String, Ipv4Addr) {
    let number = PEOPLE.with(|people| people.replace(people.get() + 1));
    (format!("person{number}@example.com"), Ipv4Addr::from_bits((10 << 24) + number))
}

pub(crate) fn credentials(email: &str) -> String {
    format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#)
}

fn again(request: Vec<u8>) -> Script {
    Box::new(move |_| Some(request.clone()))
}

fn login(account: &Account) -> Script {
    again(json("/login", &credentials(&account.email)))
}

fn me(account: &Account) -> Script {
    again(bearer("/users/me", &account.token))
}

/// Each answer's cookie makes the next request.
fn refresh(account: &Account) -> Script {
    let mut cookie = account.cookie.clone();
    Box::new(move |answer| {
        if let Some(next) = answer.and_then(Answer::cookie) {
            cookie = next;
        }
        Some(request("POST", "/refresh-token", &format!("cookie: {cookie}\r\n"), ""))
    })
}

async fn round(plan: &Plan, database: &TestDatabase) -> Result<Round, Failure> {
    let mut round = Round {
        raw_hash: limit(plan, &["hash", &plan.time.as_secs_f64().to_string()])?,
        raw_http: constant(plan).await?,
        ..Round::default()
    };
    if database.url().starts_with("postgres") {
        let (clients, time) = (plan.clients.to_string(), plan.time.as_secs_f64().to_string());
        round.raw_sql = limit(plan, &["sql", database.url(), &clients, &time])?;
    }

    let world = World::start(database, "0", plan.clients).await?;
    (round.idle_mib, round.start) = (world.idle_mib, world.start);
    // More than can hash at once, and fewer than the queue takes.
    round.login = world.rate(plan, 200, plan.clients.min(8), login).await?;
    round.me = world.rate(plan, 200, plan.clients, me).await?;
    let verify = |account: &Account| again(bearer("/verify", &account.token));
    round.verify = world.rate(plan, 204, plan.clients, verify).await?;
    let key = |account: &Account| again(bearer("/verify?scope=read:todos", &account.key));
    round.key = world.rate(plan, 204, plan.clients, key).await?;
    round.register = world
        .rate(plan, 201, plan.clients.min(8), |_| {
            Box::new(|_| Some(json("/register", &credentials(&fresh_address()))))
        })
        .await?;
    // Last: it uses up the cookies.
    round.refresh = world.rate(plan, 200, plan.clients, refresh).await?;
    drop(world);
    round.storm = storm(plan, database).await?;
    Ok(round)
}

/// A process that counts by itself and prints count and seconds.
fn limit(plan: &Plan, arguments: &[&str]) -> Result<Rate, Failure> {
    let mut process = Measured::limit(arguments)?;
    let line = process.line()?;
    let (count, seconds) = line.trim().split_once(' ').ok_or("no two numbers")?;
    let (count, seconds): (f64, f64) = (count.parse()?, seconds.parse()?);
    debug_assert!(seconds >= plan.time.as_secs_f64());
    Ok(Rate { per_second: count / seconds, cpu_micros: process.cpu().map_or(0.0, |cpu| cpu * 1e6 / count) })
}

async fn constant(plan: &Plan) -> Result<Rate, Failure> {
    let mut process = Measured::limit(&["http"])?;
    let server = process.line()?.trim().parse()?;
    let scripts = (0..plan.clients).map(|_| again(request("GET", "/", "", ""))).collect();
    measured(&process, server, plan, 200, scripts).await
}

/// Everybody signs in at once and again, and whoever is refused comes back after a tenth of a second; meanwhile a few
/// others go on with their work.
async fn storm(plan: &Plan, database: &TestDatabase) -> Result<Storm, Failure> {
    const REST: Duration = Duration::from_millis(100);
    let people = plan.clients.min(16);
    let world = World::start(database, "10", people).await?;
    world.process.forget_peak()?;
    let crowd = world.accounts.iter().cycle().take(plan.storm_clients).map(login).collect();
    let mes = world.accounts.iter().take(4).map(me).collect();
    let refreshes = world.accounts.iter().take(4).map(refresh).collect();
    let every = |millis| Rest::Every(Duration::from_millis(millis));
    let (crowd, mes, refreshes) = tokio::join!(
        drive(world.address, plan.storm, Rest::WhenRefused(REST), crowd),
        drive(world.address, plan.storm, every(40), mes),
        drive(world.address, plan.storm, every(200), refreshes),
    );
    let (crowd, mes, refreshes): (Seen, Seen, Seen) = (crowd?, mes?, refreshes?);
    let peak_mib = world.process.memory("VmHWM")?;
    // Longer than workers without work keep their memory.
    tokio::time::sleep(plan.storm).await;
    Ok(Storm {
        // Those still in the queue at the end are answered after it.
        logins_per_second: crowd.per_second(200),
        me_p99: mes.percentile(200, 99).unwrap_or_default(),
        refresh_p99: refreshes.percentile(200, 99).unwrap_or_default(),
        refused: crowd.count(503),
        refused_p99: crowd.percentile(503, 99).unwrap_or_default(),
        other: [&crowd, &mes, &refreshes]
            .iter()
            .flat_map(|seen| &seen.by_status)
            .filter(|(status, _)| ![200, 503].contains(*status))
            .map(|(_, all)| all.len())
            .sum(),
        peak_mib: peak_mib - world.idle_mib,
        after_mib: world.process.memory("VmRSS")? - world.idle_mib,
    })
}

/// Counts with PostgreSQL's own statistics: outside a transaction each statement is one.
async fn statements(database: &TestDatabase) -> Result<[f64; 5], Failure> {
    // Fewer than the sessions that one may have: a sign-in beyond them ends the oldest, which is used here.
    const REQUESTS: usize = 90;
    let db = database.connect().await;
    let world = World::start(database, "0", 1).await?;
    let account = world.accounts.first().ok_or("no account")?;
    let verify = again(bearer("/verify", &account.token));
    let register: Script = Box::new(|_| Some(json("/register", &credentials(&fresh_address()))));
    let mut counts = [0.0; 5];
    for (count, mut script) in
        counts.iter_mut().zip([register, login(account), refresh(account), me(account), verify])
    {
        let before = transactions(&db).await?;
        let mut connection = Connection::open(world.address).await?;
        let mut next = script(None);
        for _ in 0..REQUESTS {
            let answer = connection.ask(&next.ok_or("no request")?).await?;
            if answer.status >= 300 {
                return Err(format!("a request was answered {}", answer.status).into());
            }
            next = script(Some(&answer));
        }
        *count = (transactions(&db).await? - before) / REQUESTS as f64;
    }
    Ok(counts)
}

/// Since the database was made; a back end tells of its own about a second late.
async fn transactions(db: &DatabaseConnection) -> Result<f64, Failure> {
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let sql = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    let row =
        db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?.ok_or("no row")?;
    Ok(row.try_get::<i64>("", "xact_commit")? as f64)
}
