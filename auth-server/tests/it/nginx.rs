//! `/verify` behind a real nginx, with the configuration that the README shows.

use std::{path::Path, process::Stdio};

use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    process::{Child, Command},
    time::Instant,
};

use crate::support::{Connection, PATIENCE, Program};

/// The part between these marks of the README.
fn locations(address: &str) -> String {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, rest) =
        readme.split_once("<!-- nginx -->\n```nginx\n").expect("the README has the configuration");
    let (locations, _) = rest.split_once("```").unwrap();
    let locations = locations.replace("127.0.0.1:8000", address);
    // In the place of the service behind the door: a file, and the headers that the service would get.
    let (head, tail) = locations.split_once("    proxy_pass http://app;\n").expect("a service to protect");
    format!("{head}    add_header X-User $user; add_header X-Roles $roles;\n{tail}")
}

fn nginx(home: &Path, address: &str) -> Child {
    std::fs::create_dir_all(home.join("root/app")).unwrap();
    std::fs::write(home.join("root/app/secret.txt"), "the secret\n").unwrap();
    let home = home.display();
    let config = format!(
        "daemon off; master_process off; pid {home}/pid; error_log stderr;\n\
         events {{}}\n\
         http {{\n\
           access_log off; root {home}/root;\n\
           client_body_temp_path {home}/1; proxy_temp_path {home}/2; fastcgi_temp_path {home}/3;\n\
           uwsgi_temp_path {home}/4; scgi_temp_path {home}/5;\n\
           server {{ listen unix:{home}/socket; {} }}\n\
         }}\n",
        locations(address)
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

async fn get(home: &Path, authorization: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = loop {
        match UnixStream::connect(home.join("socket")).await {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "nginx does not listen: {error}"),
        }
        tokio::task::yield_now().await;
    };
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
    let _nginx = nginx(home.path(), server.address());
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
async fn nginx_asks_through_a_unix_socket_too() {
    let home = tempdir().unwrap();
    let path = home.path().join("auth.socket");
    let program = Program::in_directory(home.path()).env("UNIX_SOCKET", path.to_str().unwrap());
    let _server = program.env("PUBLIC_URL", "https://auth.example.com").start().await;
    let mut connection = Connection::http1(UnixStream::connect(&path).await.unwrap()).await;
    assert_eq!(connection.post_credentials("/register", &[]).await.status, 201);
    let session = connection.post_credentials("/login", &[]).await.session();
    let _nginx = nginx(home.path(), &format!("unix:{}", path.display()));

    let refused = get(home.path(), "").await;
    assert!(refused.starts_with("HTTP/1.1 401") && !refused.contains("the secret"), "{refused}");
    let passed = get(home.path(), &format!("authorization: Bearer {}\r\n", session.access_token)).await;
    assert!(passed.starts_with("HTTP/1.1 200") && passed.ends_with("the secret\n"), "{passed}");
}
