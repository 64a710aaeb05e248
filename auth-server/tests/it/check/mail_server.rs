//! A mail server that greets, and refuses every login.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(super) struct MailServer {
    port: u16,
    task: JoinHandle<()>,
}

impl MailServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(answer(client));
            }
        });
        Self { port, task }
    }

    /// `user` is empty or ends with an `@`.
    pub(super) fn url(&self, user: &str) -> String {
        format!("smtp://{user}127.0.0.1:{}", self.port)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(client: TcpStream) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    client.write_all(b"220 mail.example.com\r\n").await?;
    let mut line = String::new();
    while client.read_line(&mut line).await? > 0 {
        let answer = match line.split_whitespace().next() {
            Some("EHLO") => "250-mail.example.com\r\n250 AUTH PLAIN LOGIN\r\n",
            Some("AUTH") => "535 5.7.8 wrong password of ada@example.com\r\n",
            Some("NOOP" | "RSET") => "250 fine\r\n",
            Some("QUIT") => "221 bye\r\n",
            // Whoever only looks sends nothing else.
            _ => "421 a mail, by a check\r\n",
        };
        client.write_all(answer.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}
