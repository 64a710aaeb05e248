//! `/verify/browser` behind real proxies with the configurations that the manual shows, and an application behind them that knows
//! nothing of users.

use std::{fs, path::Path, process::Stdio};

use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Instant, timeout},
};

use crate::support::{PASSWORD, PATIENCE, Program, Server};

/// What stands in a block of the manual's after a mark.
fn shown(mark: &str, kind: &str) -> String {
    let page = format!("{}/../auth-core/src/manual/browser_door.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once(&format!("<!-- {mark} -->\n```{kind}\n")).expect("the page has it");
    rest.split_once("```").unwrap().0.to_owned()
}

/// A proxy that is to listen at an address.
type Configure = fn(home: &Path, at: &str, fit: &dyn Fn(String) -> String) -> Command;

fn nginx(home: &Path, at: &str, fit: &dyn Fn(String) -> String) -> Command {
    let shown = fit(shown("nginx", "nginx")).replace("server {\n", &format!("server {{\n    listen {at};\n"));
    let place = home.display();
    let config = format!(
        "daemon off; master_process off; pid {place}/pid; error_log stderr;\n\
         events {{}}\n\
         http {{\n\
           access_log off; client_body_temp_path {place}/1; proxy_temp_path {place}/2; fastcgi_temp_path {place}/3;\n\
           uwsgi_temp_path {place}/4; scgi_temp_path {place}/5;\n\
           {shown}\n\
         }}\n"
    );
    fs::write(home.join("nginx.conf"), config).unwrap();
    // On Debian it is not on everybody's path.
    sh("PATH=$PATH:/usr/sbin exec nginx -p \"$0\" -c \"$0/nginx.conf\"", home)
}

fn caddy(home: &Path, at: &str, fit: &dyn Fn(String) -> String) -> Command {
    let (address, port) = at.split_once(':').unwrap();
    let site = format!("http://example.com:{port} {{\n    bind {address}\n");
    let shown = fit(shown("caddy", "text")).replacen("example.com {\n", &site, 1);
    fs::write(home.join("Caddyfile"), format!("{{\n    admin off\n    auto_https off\n}}\n{shown}")).unwrap();
    let mut command = sh("exec caddy run --config \"$0/Caddyfile\" --adapter caddyfile", home);
    command.env("HOME", home).env("XDG_DATA_HOME", home).env("XDG_CONFIG_HOME", home);
    command
}

fn haproxy(home: &Path, at: &str, fit: &dyn Fn(String) -> String) -> Command {
    fs::write(home.join("auth_browser.lua"), fit(shown("haproxy: lua", "lua"))).unwrap();
    let shown = fit(shown("haproxy", "text")).replace(":443 ssl crt example.com.pem", at);
    fs::write(home.join("haproxy.cfg"), shown).unwrap();
    sh("cd \"$0\" && PATH=$PATH:/usr/sbin exec haproxy -f haproxy.cfg", home)
}

fn sh(line: &str, home: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(home).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The program, an application, and a proxy in front of both.
struct Site {
    at: String,
    _proxy: Child,
    _server: Server,
}

impl Site {
    async fn new(home: &Path, configure: Configure) -> Self {
        let program = Program::in_directory(home).env("PUBLIC_URL", "https://example.com/auth");
        let server = program.env("BROWSER_DOOR", "on").env("TRUSTED_PROXIES", "127.0.0.1").start().await;
        let app = application().await;
        let fit =
            |text: String| text.replace("127.0.0.1:8000", server.address()).replace("127.0.0.1:3000", &app);
        // An address of this machine that nobody else listens at, so that the port stays free.
        let [.., high, low] = std::process::id().to_be_bytes();
        let free = TcpListener::bind((std::net::Ipv4Addr::new(127, 90, high, low), 0)).await.unwrap();
        let at = free.local_addr().unwrap().to_string();
        drop(free);
        let proxy = configure(home, &at, &fit).spawn().expect("there is a shell");
        Self { at, _proxy: proxy, _server: server }
    }

    /// To the proxy, once it is there.
    async fn connect(&self) -> TcpStream {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match TcpStream::connect(&self.at).await {
                Ok(stream) => return stream,
                Err(error) => assert!(Instant::now() < deadline, "no proxy listens: {error}"),
            }
            tokio::task::yield_now().await;
        }
    }

    /// The whole answer to `GET /path` or the like.
    async fn ask(&self, line: &str, headers: &[&str], body: &str) -> String {
        let mut stream = self.connect().await;
        let headers: String = headers.iter().flat_map(|header| [*header, "\r\n"]).collect();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no answer").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// What comes back after a handshake of a WebSocket, and after what is said then.
    async fn open_socket(&self, cookies: &str, origin: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!(
            "GET /socket HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\nOrigin: {origin}\r\n{cookies}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let all = async {
            while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
                if stream.read_buf(&mut answer).await.unwrap() == 0 {
                    return;
                }
            }
            if answer.starts_with(b"HTTP/1.1 101") {
                stream.write_all(b"ping").await.unwrap();
                stream.read_to_end(&mut answer).await.unwrap();
            }
        };
        timeout(PATIENCE, all).await.expect("no answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Of RFC 6455 section 1.3, with what a server makes of it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLBMxaQ9kYzzhZRbK+xOo=";

/// Answers with what it was sent, and speaks once through a WebSocket.
async fn application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    if !stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
                        return;
                    }
                }
                let told = String::from_utf8_lossy(&head).into_owned();
                if told.to_lowercase().contains("upgrade: websocket") {
                    let accepted = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
                    );
                    let _ = stream.write_all(accepted.as_bytes()).await;
                    let mut said = [0; 4];
                    let _ = stream.read_exact(&mut said).await;
                    let _ = stream.write_all(b"the application heard ").await;
                    let _ = stream.write_all(&said).await;
                    return;
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{told}",
                    told.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

fn is(answer: &str, status: u16) -> bool {
    answer.starts_with(&format!("HTTP/1.1 {status}"))
}

/// The values of a header, in whatever case its name is.
fn values<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

const SIGN_IN: &str = "https://example.com/auth/account/sign-in";

async fn keeps_the_door(configure: Configure) {
    let home = tempdir().unwrap();
    let site = Site::new(home.path(), configure).await;
    let back = format!("{SIGN_IN}?redirect_to=%2Fwiki%2Fa%3Fb%3D1");
    let (goes, fetches) = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Mode: cors");

    // Nobody is signed in, and what the client says of the page changes nothing.
    for lie in [
        "X-Nothing: x",
        "X-Original-URL: https://evil.example/",
        "X-Forwarded-Uri: /evil",
        "X-Original-Method: GET",
    ] {
        let sent = site.ask("GET /wiki/a?b=1", &[goes, lie], "").await;
        assert!(is(&sent, 302) && values(&sent, "location") == [&*back], "{lie}: {sent}");
    }
    let older = site.ask("GET /wiki/a?b=1", &["Accept: text/html"], "").await;
    assert!(is(&older, 302) && values(&older, "location") == [&*back], "{older}");
    let told = site.ask("GET /wiki/a?b=1", &[fetches], "").await;
    assert!(is(&told, 401) && values(&told, "x-auth-redirect") == [&*back], "{told}");
    assert!(values(&told, "location").is_empty(), "{told}");
    let odd = site.ask("GET //evil.example/x", &[goes], "").await;
    assert!(is(&odd, 302) && !values(&odd, "location")[0].contains("evil"), "{odd}");
    let forged = site.ask("GET /wiki", &[goes, "X-Auth-User: 1", "Cookie: __Host-auth_browser=x"], "").await;
    assert!(is(&forged, 302), "{forged}");

    // Through the same proxy, as a page would do it.
    let (json, own) = ("Content-Type: application/json", "Origin: https://example.com");
    let ada = format!(r#"{{"email": "ada@example.com", "password": "{PASSWORD}"}}"#);
    assert!(is(&site.ask("POST /auth/register", &[json, own], &ada).await, 201));
    let login = site.ask("POST /auth/login", &[json, own], &ada).await;
    let set: Vec<&str> =
        values(&login, "set-cookie").into_iter().map(|set| set.split(';').next().unwrap()).collect();
    assert_eq!(set.len(), 3, "{login}");
    let cookies = format!("Cookie: {}", set.join("; "));
    let page = "GET /auth/account/sign-in?redirect_to=%2Fwiki%2Fa%3Fb%3D1";
    let came_back = site.ask(page, &[&cookies, goes, "Sec-Fetch-Site: same-origin"], "").await;
    assert!(is(&came_back, 303) && values(&came_back, "location") == ["/wiki/a?b=1"], "{came_back}");

    // The application is told who it is, by the proxy alone, and gets its own cookies alone.
    let mixed = format!(
        "Cookie: theme=dark; {}; lang=en; __Host-auth_flow=x; __Host-auth_challenge=x; __Host-auth_oauth-0a=x; a__Host-auth_flow=mine; \
         __Secure-auth_browser=x; __Host-auth_device=again; last=1; __Host-refresh_token=again",
        set.join("; ")
    );
    let lies = [
        "X-Auth-User: evil",
        "X-Auth-Email: evil@example.com",
        "X-Auth-Name: evil",
        "X-Auth-Roles: admin",
        "X-Auth-Scope: evil",
        "X-Auth-Session: evil",
        "X-Auth-Caller: evil",
        "X_Auth_User: evil",
        "X_Auth_Roles: evil",
    ];
    let passed = site.ask("GET /wiki/a?b=1", &[&[mixed.as_str(), goes][..], &lies].concat(), "").await;
    assert!(is(&passed, 200) && passed.contains("GET /wiki/a?b=1 HTTP/1.1"), "{passed}");
    assert!(!passed.contains("evil") && !passed.contains("admin"), "{passed}");
    let user = values(&passed, "x-auth-user");
    assert!(
        user.len() == 1 && user[0].len() == 36 && values(&passed, "x-auth-roles") == ["user"],
        "{passed}"
    );
    let kept = values(&passed, "cookie").concat();
    assert_eq!(kept.trim_end_matches([';', ' ']), "theme=dark; lang=en; a__Host-auth_flow=mine; last=1");
    for (sent, kept) in [(cookies.clone(), ""), (format!("{cookies}; theme=dark"), "theme=dark")] {
        let passed = site.ask("GET /", &[&sent], "").await;
        assert!(is(&passed, 200), "{passed}");
        assert_eq!(values(&passed, "cookie").concat().trim_end_matches([';', ' ']), kept, "{sent}");
    }

    // What another site begins, and what the own page does.
    let (from_evil, evil) = ("Sec-Fetch-Site: cross-site", "Origin: https://evil.example");
    assert!(is(&site.ask("POST /wiki", &[&cookies, own, "Sec-Fetch-Site: same-origin"], "x=1").await, 200));
    assert!(is(&site.ask("GET /wiki", &[&cookies, from_evil, goes], "").await, 200), "a link");
    for lie in ["X-Nothing: x", "X-Original-Method: GET", "X-Forwarded-Method: GET"] {
        let refused = site.ask("POST /wiki", &[&cookies, evil, from_evil, lie], "x=1").await;
        assert!(is(&refused, 403), "{lie}: {refused}");
    }
    let heard = site.open_socket(&cookies, "https://example.com").await;
    assert!(is(&heard, 101) && heard.ends_with("the application heard ping"), "{heard}");
    assert!(is(&site.open_socket(&cookies, "https://evil.example").await, 403));
    assert!(is(&site.open_socket("X-Nothing: x", "https://example.com").await, 401));

    // After a sign-out a copy of the cookie is no good.
    assert!(is(&site.ask("POST /auth/logout", &[&cookies, own], "").await, 204));
    let gone = site.ask("GET /wiki", &[&cookies, goes], "").await;
    assert!(is(&gone, 302), "{gone}");
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn nginx_keeps_the_door_of_an_application() {
    keeps_the_door(nginx).await;
}

#[tokio::test]
#[ignore = "needs Caddy"]
async fn caddy_keeps_the_door_of_an_application() {
    keeps_the_door(caddy).await;
}

#[tokio::test]
#[ignore = "needs HAProxy"]
async fn haproxy_keeps_the_door_of_an_application() {
    keeps_the_door(haproxy).await;
}
