//! HTTP/1.1 connections that cost little themselves, so that the server is what is measured.

use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
    time::Instant,
};

use crate::Failure;

/// One keep-alive connection, one request at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// Status and text of a whole answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    text: &'a str,
}

impl<'a> Answer<'a> {
    /// The text between `start` and `end`.
    pub(crate) fn between(&self, start: &str, end: char) -> Option<&'a str> {
        let (_, rest) = self.text.split_once(start)?;
        rest.split(end).next()
    }

    /// The cookie as it is sent back.
    pub(crate) fn cookie(&self) -> Option<String> {
        Some(format!("__Host-refresh_token={}", self.between("__Host-refresh_token=", ';')?))
    }
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4096) })
    }

    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let whole = loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(length) = whole_length(&self.answer) {
                break length;
            }
        };
        let text = std::str::from_utf8(self.answer.get(..whole).unwrap_or_default())?;
        let status = text.get(9..12).ok_or("no status line")?.parse()?;
        Ok(Answer { status, text })
    }
}

/// Head and body together, once all is there.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(answer.get(..head)?).ok()?;
    let body = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + body.unwrap_or(0);
    (answer.len() >= whole).then_some(whole)
}

/// The text of a request; `headers` end in a line break each.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

pub(crate) fn json(path: &str, body: &str) -> Vec<u8> {
    request("POST", path, "content-type: application/json\r\n", body)
}

pub(crate) fn bearer(path: &str, token: &str) -> Vec<u8> {
    request("GET", path, &format!("authorization: Bearer {token}\r\n"), "")
}

/// What some clients saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) by_status: BTreeMap<u16, Vec<Duration>>,
    pub(crate) seconds: f64,
}

impl Seen {
    pub(crate) fn count(&self, status: u16) -> usize {
        self.by_status.get(&status).map_or(0, Vec::len)
    }

    pub(crate) fn per_second(&self, status: u16) -> f64 {
        self.count(status) as f64 / self.seconds
    }

    /// The latency below which so many of a hundred answers lie.
    pub(crate) fn percentile(&self, status: u16, percent: usize) -> Option<Duration> {
        let mut all = self.by_status.get(&status)?.clone();
        all.sort_unstable();
        all.get((all.len() * percent / 100).min(all.len().checked_sub(1)?)).copied()
    }
}

/// What a client asks next, told the answer before.
pub(crate) type Script = Box<dyn FnMut(Option<&Answer<'_>>) -> Option<Vec<u8>>>;

/// How a client waits between an answer and the next request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rest {
    /// Not at all.
    Never,
    /// So long after a refusal for overload.
    WhenRefused(Duration),
    /// Always: a request each so often.
    Every(Duration),
}

/// Lets each script run on a connection of its own for so long.
pub(crate) async fn drive(
    server: SocketAddr,
    time: Duration,
    rest: Rest,
    scripts: Vec<Script>,
) -> Result<Seen, Failure> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let mut connections = Vec::new();
    for script in scripts {
        connections.push((Connection::open(server).await?, script));
    }
    let start = Instant::now();
    let local = LocalSet::new();
    let clients: Vec<_> = connections
        .into_iter()
        .map(|(connection, script)| {
            local.spawn_local(follow(connection, script, start + time, rest, Rc::clone(&seen)))
        })
        .collect();
    local
        .run_until(async {
            for client in clients {
                client.await??;
            }
            Ok::<_, Failure>(())
        })
        .await?;
    let mut seen = seen.take();
    seen.seconds = start.elapsed().as_secs_f64();
    Ok(seen)
}

async fn follow(
    mut connection: Connection,
    mut script: Script,
    end: Instant,
    rest: Rest,
    seen: Rc<RefCell<Seen>>,
) -> Result<(), Failure> {
    let mut next = script(None);
    while let Some(request) = next {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        let answer = connection.ask(&request).await?;
        let took = asked.elapsed();
        let status = answer.status;
        seen.borrow_mut().by_status.entry(status).or_default().push(took);
        next = script(Some(&answer));
        match rest {
            Rest::WhenRefused(pause) if status == 503 => tokio::time::sleep(pause).await,
            Rest::Every(period) => tokio::time::sleep(period.saturating_sub(took)).await,
            Rest::Never | Rest::WhenRefused(_) => {}
        }
    }
    Ok(())
}
