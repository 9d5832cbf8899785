use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;

/// A server with the few commands of Valkey that are used here. Its `requirepass` can be changed while it runs.
#[derive(Clone, Default)]
struct Server {
    refuses: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("redis://{}", listener.local_addr().expect("an address"));
        let server = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                server.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(server.clone().serve(stream));
            }
        });
        url
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut is_known = false;
        while let Some(command) = read(&mut stream).await {
            let answer = match command[0].to_ascii_uppercase().as_str() {
                "AUTH" => {
                    is_known = !self.refuses.load(Ordering::Relaxed);
                    if is_known {
                        "+OK\r\n"
                    } else {
                        "-WRONGPASS invalid username-password pair\r\n"
                    }
                }
                "CLIENT" => "+OK\r\n",
                _ if !is_known => "-NOAUTH Authentication required.\r\n",
                "PING" => "+PONG\r\n",
                "SET" => "+OK\r\n",
                _ => "-ERR unknown command\r\n",
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// One command: an array of bulk strings.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let parts = number(stream, '*').await?;
    let mut command = Vec::new();
    for _ in 0..parts {
        let mut text = vec![0; number(stream, '$').await? + 2];
        stream.read_exact(&mut text).await.ok()?;
        command.push(String::from_utf8_lossy(&text).trim_end().to_owned());
    }
    Some(command)
}

async fn number(stream: &mut BufReader<TcpStream>, prefix: char) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.trim_end().strip_prefix(prefix)?.parse().ok()
}

/// The settings for that server, with a password in a file.
fn settings(url: String) -> (tempfile::NamedTempFile, settings::Valkey) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "secret\n").expect("a file");
    let password_file = Some(file.path().to_string_lossy().into_owned());
    (file, settings::Valkey { url, password_file, ca_file: None })
}

#[tokio::test]
async fn a_refused_password_is_named_and_tried_again_until_it_is_accepted() {
    let server = Server::default();
    server.refuses.store(true, Ordering::Relaxed);
    let (_file, settings) = settings(server.start().await);
    let valkey = Valkey::new(&settings).expect("settings");
    for _ in 0..3 {
        assert_eq!(valkey.ping().await, Err(Unavailable::RefusesPassword));
    }
    server.refuses.store(false, Ordering::Relaxed);
    assert_eq!(valkey.ping().await, Ok(()));
    assert_eq!(valkey.take("t", 7, "b/1", 120).await, StepAnswer::Ours);
    // The connection that was accepted is kept.
    let connections = server.connections.load(Ordering::Relaxed);
    assert_eq!(valkey.ping().await, Ok(()));
    assert_eq!(server.connections.load(Ordering::Relaxed), connections);
}

#[tokio::test]
async fn a_lost_connection_fails_the_command_and_is_opened_again() {
    let server = Server::default();
    let (_file, settings) = settings(server.start().await);
    let valkey = Valkey::new(&settings).expect("settings");
    assert_eq!(valkey.ping().await, Ok(()));
    *valkey.connection.lock().await = None;
    assert_eq!(valkey.ping().await, Ok(()));
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not_reported_as_refusing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let (_file, settings) = settings(url);
    let valkey = Valkey::new(&settings).expect("settings");
    let error = valkey.ping().await.expect_err("nothing listens there");
    assert!(matches!(error, Unavailable::Silent(_)), "{error}");
    assert_eq!(valkey.take("t", 7, "b/1", 120).await, StepAnswer::Doubtful);
}

#[tokio::test]
async fn a_command_that_the_server_refuses_keeps_the_connection() {
    let server = Server::default();
    let (_file, settings) = settings(server.start().await);
    let valkey = Valkey::new(&settings).expect("settings");
    let refused = valkey.run(|mut c| async move { c.incr::<_, _, i64>("k", 1).await }).await;
    assert!(matches!(refused, Err(Unavailable::Refuses(_))), "{refused:?}");
    assert_eq!(valkey.ping().await, Ok(()));
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}
