//! Behind a real nginx with the configurations that the manual shows: `/verify`, and the program below a path.

use std::{collections::BTreeSet, path::Path, process::Stdio};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    process::{Child, Command},
    time::Instant,
};

use crate::support::{Connection, PATIENCE, Program};

/// What stands in a block of nginx's between a mark and its end.
fn shown(page: &str, mark: &str) -> String {
    let text = std::fs::read_to_string(format!("{}/../{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (_, rest) = text.split_once(&format!("{mark}\n```nginx\n")).expect("the page has the configuration");
    rest.split_once("```").unwrap().0.to_owned()
}

/// With the server that it shows at a socket of ours, and another in the place of the application: a file, and what the
/// application would get.
fn nginx(home: &Path, shown: &str, address: &str) -> Child {
    std::fs::create_dir_all(home.join("root/app")).unwrap();
    std::fs::write(home.join("root/app/secret.txt"), "the secret\n").unwrap();
    let home = home.display();
    let shown = shown
        .replace("127.0.0.1:8000", address)
        .replace("server {\n", &format!("server {{\n    listen unix:{home}/socket;\n"));
    let config = format!(
        "daemon off; master_process off; pid {home}/pid; error_log stderr;\n\
         events {{}}\n\
         http {{\n\
           access_log off; root {home}/root;\n\
           client_body_temp_path {home}/1; proxy_temp_path {home}/2; fastcgi_temp_path {home}/3;\n\
           uwsgi_temp_path {home}/4; scgi_temp_path {home}/5;\n\
           upstream app {{ server unix:{home}/app; }}\n\
           server {{\n\
             listen unix:{home}/app;\n\
             add_header X-User $http_x_user; add_header X-Roles $http_x_roles; add_header X-Caller $http_x_caller; add_header X-Cookie \"<$http_cookie>\";\n\
           }}\n\
           {shown}\n\
         }}\n"
    );
    std::fs::write(format!("{home}/nginx.conf"), config).unwrap();
    // On Debian it is not on everybody's path.
    let start = "PATH=$PATH:/usr/sbin exec nginx -p \"$0\" -c \"$0/nginx.conf\"";
    Command::new("sh")
        .args(["-c", start, &home.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("nginx is installed")
}

fn keeping_the_door() -> String {
    shown("auth-core/src/manual/program.md", "<!-- nginx -->")
}

/// To nginx, once it is there.
async fn connect(home: &Path) -> UnixStream {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match UnixStream::connect(home.join("socket")).await {
            Ok(stream) => return stream,
            Err(error) => assert!(Instant::now() < deadline, "nginx does not listen: {error}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn get(home: &Path, authorization: &str) -> String {
    let mut stream = connect(home).await;
    let request = format!("GET /app/secret.txt HTTP/1.0\r\nhost: x\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn nginx_lets_good_tokens_through_and_tells_the_service_whose_they_are() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;
    let _nginx = nginx(home.path(), &keeping_the_door(), server.address());
    let bearer = format!("authorization: Bearer {}\r\n", session.access_token);

    let refused = get(home.path(), "").await;
    assert!(refused.starts_with("HTTP/1.1 401") && !refused.contains("the secret"), "{refused}");
    assert!(refused.to_lowercase().contains("www-authenticate: bearer"), "{refused}");
    let passed = get(home.path(), &bearer).await;
    assert!(passed.starts_with("HTTP/1.1 200") && passed.ends_with("the secret\n"), "{passed}");
    let id = client.me(&session.access_token).await.body["id"].as_str().unwrap().to_owned();
    assert!(passed.contains(&format!("X-User: {id}")) && passed.contains("X-Roles: user"), "{passed}");

    assert_eq!(client.logout(&session.cookie).await.status, 204);
    let refused = get(home.path(), &bearer).await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn nginx_lets_a_key_through_that_is_for_this() {
    let home = tempdir().unwrap();
    let program = || Program::in_directory(home.path());
    let server = program().start().await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;
    let id = client.me(&session.access_token).await.body["id"].as_str().unwrap().to_owned();
    let made = async |scope: &str| {
        let create =
            ["api-keys", "create", "--user", "ada@example.com", "--name", "nightly", "--scope", scope];
        let ended = program().args(&create).run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.trim().to_owned()
    };
    let (key, other) = (made("read:todos").await, made("write:todos").await);
    let (upstream, _) = keeping_the_door()
        .split_once("server {\n    location")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let locations = shown("auth-core/src/manual/machines.md", "<!-- nginx -->");
    let _nginx = nginx(home.path(), &format!("{upstream}\nserver {{\n{locations}}}"), server.address());
    let ask = async |token: &str| get(home.path(), &format!("authorization: Bearer {token}\r\n")).await;

    let passed = ask(&key).await;
    assert!(passed.starts_with("HTTP/1.1 200") && passed.ends_with("the secret\n"), "{passed}");
    assert!(passed.contains(&format!("X-User: {id}")) && passed.contains("X-Caller: person"), "{passed}");
    assert!(passed.contains("X-Roles: user"), "{passed}");
    let passed = ask(&session.access_token).await;
    assert!(passed.starts_with("HTTP/1.1 200"), "{passed}");
    for (token, status) in
        [(other.as_str(), "403"), ("ak_0000000000000000000000000000001dZEUY", "401"), ("x", "401")]
    {
        let refused = ask(token).await;
        assert!(
            refused.starts_with(&format!("HTTP/1.1 {status}")) && !refused.contains("the secret"),
            "{refused}"
        );
    }
    let listed = program().args(&["api-keys", "list"]).run().await.stdout;
    let line = listed.lines().find(|line| line.contains("read:todos")).unwrap();
    let ended = program().args(&["api-keys", "revoke", line.split(' ').next().unwrap()]).run().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let refused = ask(&key).await;
        if refused.starts_with("HTTP/1.1 401") {
            break;
        }
        assert!(Instant::now() < deadline, "{refused}");
    }
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn nginx_asks_through_a_unix_socket_too() {
    let home = tempdir().unwrap();
    let path = home.path().join("auth.socket");
    let program = Program::in_directory(home.path()).env("UNIX_SOCKET", path.to_str().unwrap());
    let _server = program.env("PUBLIC_URL", "https://auth.example.com").start().await;
    let mut connection = Connection::http1(UnixStream::connect(&path).await.unwrap()).await;
    assert_eq!(connection.post_credentials("/register", &[]).await.status, 201);
    let session = connection.post_credentials("/login", &[]).await.session();
    let _nginx = nginx(home.path(), &keeping_the_door(), &format!("unix:{}", path.display()));

    let refused = get(home.path(), "").await;
    assert!(refused.starts_with("HTTP/1.1 401") && !refused.contains("the secret"), "{refused}");
    let passed = get(home.path(), &format!("authorization: Bearer {}\r\n", session.access_token)).await;
    assert!(passed.starts_with("HTTP/1.1 200") && passed.ends_with("the secret\n"), "{passed}");
}

const COOKIES: &str = "theme=dark; __Host-refresh_token=secret-1; lang=en; __Host-auth_device=secret-2; __Host-auth_flow=secret-4; \
                       refresh_token=secret-3";

#[tokio::test]
#[ignore = "needs nginx"]
async fn nginx_gives_the_cookies_of_the_program_to_no_application() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let bearer = format!("authorization: Bearer {}\r\n", session.access_token);
    let with_cookies = |cookies: &str| format!("{bearer}cookie: {cookies}\r\n");
    {
        let _nginx = nginx(home.path(), &keeping_the_door(), server.address());
        let passed = get(home.path(), &with_cookies(COOKIES)).await;
        assert!(passed.starts_with("HTTP/1.1 200") && passed.contains("X-Cookie: <>"), "{passed}");
    }
    // The other way: the application keeps its own.
    std::fs::remove_file(home.path().join("socket")).unwrap();
    std::fs::remove_file(home.path().join("app")).unwrap();
    let maps = shown("auth-core/src/manual/operating.md", "<!-- nginx: cookies -->");
    let door = keeping_the_door().replace("Cookie \"\"", "Cookie $cookies_of_app");
    let _nginx = nginx(home.path(), &format!("{maps}\n{door}"), server.address());
    for (sent, kept) in [
        (COOKIES, "theme=dark; lang=en; refresh_token=secret-3"),
        ("__Host-refresh_token=secret-1", ""),
        ("__Host-auth_device=secret-2; __Host-refresh_token=secret-1", ""),
        ("__Host-refresh_token=secret-1; theme=dark", "theme=dark"),
        ("__Host-auth_challenge=secret-4; theme=dark; __Host-auth_device=secret-2", "theme=dark"),
        ("theme=dark;__Host-refresh_token=secret-1", "theme=dark"),
        ("theme=dark; a__Host-refresh_token=mine", "theme=dark; a__Host-refresh_token=mine"),
        ("theme=dark", "theme=dark"),
    ] {
        let passed = get(home.path(), &with_cookies(sent)).await;
        let told = passed.split("X-Cookie: <").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
        assert_eq!(told.trim_end_matches([';', ' ']), kept, "{sent}");
    }
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn below_a_path_every_address_that_is_told_has_it_and_no_route_knows_it() {
    let home = tempdir().unwrap();
    let program = Program::in_directory(home.path()).env("PUBLIC_URL", "https://example.com/auth");
    let program = program.env("OAUTH_GITHUB_CLIENT_ID", "id").env("OAUTH_GITHUB_CLIENT_SECRET", "secret");
    let server = program.env("TRUSTED_PROXIES", "127.0.0.1").start().await;
    let path = shown("auth-core/src/manual/operating.md", "<!-- nginx: path -->");
    let _nginx = nginx(home.path(), &format!("server {{\n{path}}}"), server.address());
    let mut nginx = Connection::http1(connect(home.path()).await).await;

    let own_origin = [("origin", "https://example.com")];
    let registered = nginx.post_credentials("/auth/register", &own_origin).await;
    assert_eq!(
        (registered.status.as_u16(), &registered.headers["location"]),
        (201, &"/auth/users/me".parse().unwrap())
    );
    for other in ["https://evil.example", "https://example.com/auth", "null"] {
        let refused = nginx.post_credentials("/auth/login", &[("origin", other)]).await;
        assert_eq!(refused.body["code"], "cross_origin", "{other}");
    }
    // The cookie is the host's, so that it comes back below the path.
    let session = nginx.post_credentials("/auth/login", &own_origin).await.session();
    let cookie = [("cookie", session.cookie.as_str())];
    let refreshed = nginx.send("POST", "/auth/refresh-token", &cookie, "").await;
    assert_eq!(refreshed.status, 200);
    assert!(refreshed.headers["set-cookie"].to_str().unwrap().contains("; Path=/;"));
    let claims = refreshed.body["access_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert!(claims.contains(r#""iss":"https://example.com/auth""#), "{claims}");

    // The link in a mail, which is in the log, and the page and the doors behind it.
    let asked = [("content-type", "application/json"), own_origin[0]];
    let ask = r#"{"email": "ada@example.com"}"#;
    assert_eq!(nginx.send("POST", "/auth/forgot-password", &asked, ask).await.status, 202);
    let line = server.log().wait_for("https://example.com/auth/reset-password#token=").await;
    let (_, token) = line.split_once("#token=").unwrap();
    let token: String =
        token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    let page = nginx.get("/auth/reset-password").await.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(page, "/auth/account/reset");
    assert_eq!(nginx.get(&page).await.status, 200);
    let reset = serde_json::json!({"token": token, "password": "another-orchid-paddles-south"}).to_string();
    assert_eq!(nginx.send("POST", "/auth/reset-password", &asked, &reset).await.status, 204);

    // The page for readers, whatever it loads, and what that says.
    let page = nginx.get("/auth/docs").await;
    let files: BTreeSet<_> =
        page.body.as_str().unwrap().split('"').filter(|part| part.starts_with("docs/")).collect();
    assert!(files.len() >= 4);
    for file in files.into_iter().chain(["openapi.json"]) {
        assert_eq!(nginx.send("HEAD", &format!("/auth/{file}"), &[], "").await.status, 200, "{file}");
    }
    let told = nginx.get("/auth/openapi.json").await.body;
    assert_eq!(told["servers"][0]["url"], "/auth");
    assert_eq!(
        told["components"]["securitySchemes"]["password"]["flows"]["password"]["tokenUrl"],
        "/auth/login"
    );
    assert!(told["paths"]["/login"].is_object());

    // To a provider and back, to a page of the origin.
    let left = nginx.get("/auth/oauth/github/authorize?redirect_to=/welcome").await;
    let provider = left.headers["location"].to_str().unwrap();
    assert!(
        provider.contains("redirect_uri=https%3A%2F%2Fexample.com%2Fauth%2Foauth%2Fgithub%2Fcallback"),
        "{provider}"
    );
    let set = left.headers["set-cookie"].to_str().unwrap();
    assert!(set.contains("; Path=/;"), "{set}");
    let state = provider.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let back = format!("/auth/oauth/github/callback?error=access_denied&state={state}");
    let came_back = nginx.send("GET", &back, &[("cookie", set.split(';').next().unwrap())], "").await;
    assert_eq!(came_back.headers["location"], "/welcome?error=access_denied");

    // What belongs to the root of the host has a line of its own there; nothing else of ours is.
    assert_eq!(nginx.get("/.well-known/jwks.json").await.body, serde_json::json!({"keys": []}));
    assert_eq!(nginx.get("/users/me").await.status, 404);
    assert_eq!(server.client().get("/auth/users/me").await.status, 404, "the proxy takes it off");
}
