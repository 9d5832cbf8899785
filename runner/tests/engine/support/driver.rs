//! geckodriver and Firefox. A browser that a test leaves in order serves the next one: starting one takes seconds.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use fno_runner::browser::{Browser, Settings};

static IDLE: Mutex<Vec<Started>> = Mutex::new(Vec::new());

struct Started {
    browser: Browser,
    /// Ends the driver and its browser when this process ends, however it does: its input is closed then.
    guard: Child,
    /// The driver's.
    pid: u32,
}

/// A browser for one test.
pub struct Driver(Option<Started>);

impl Driver {
    pub async fn take() -> Self {
        let idle = IDLE.lock().expect("no test panics while it holds this").pop();
        Self(Some(match idle {
            Some(started) => started,
            None => start(|_| {}).await,
        }))
    }

    /// One that no other test gets: it may be broken.
    pub async fn own() -> Self {
        Self::own_with(|_| {}).await
    }

    /// A driver with other settings.
    pub async fn own_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self(Some(start(change).await))
    }

    pub fn browser(&mut self) -> &mut Browser {
        &mut self.0.as_mut().expect("still taken").browser
    }

    /// Ends driver and browser.
    pub fn end(&mut self) {
        let guard = &mut self.0.as_mut().expect("still taken").guard;
        drop(guard.stdin.take());
        guard.wait().expect("the guard ends");
    }

    /// Kills the browser under its driver, as the kernel does when memory is short.
    pub fn killer(&self) -> impl FnOnce() + use<> {
        let driver = self.0.as_ref().expect("still taken").pid;
        move || {
            let threads = fs::read_dir(format!("/proc/{driver}/task"))
                .expect("the driver runs")
                .map(|thread| thread.expect("a thread").path());
            let children: String = threads
                .map(|thread| fs::read_to_string(thread.join("children")).unwrap_or_default())
                .collect();
            let browser = children.split_whitespace().next().expect("the driver has a browser");
            assert!(
                Command::new("kill").args(["-9", browser]).status().expect("kill runs").success()
            );
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(started) = self.0.take()
            && !std::thread::panicking()
            && started.guard.stdin.is_some()
        {
            IDLE.lock().expect("no test panics while it holds this").push(started);
        }
    }
}

async fn start(change: impl FnOnce(&mut Settings)) -> Started {
    let mut guard = Command::new("sh")
        .args([
            "-c",
            r#""$0" --port 0 </dev/null 2>&1 & echo "driver $!"; read -r _; kill $!; wait"#,
        ])
        .arg(geckodriver())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts");
    let mut lines =
        BufReader::new(guard.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let pid = lines
        .by_ref()
        .find_map(|line| line.strip_prefix("driver ")?.parse().ok())
        .expect("sh says what it started");
    let port: u16 = lines
        .by_ref()
        .find_map(|line| line.split_once("Listening on 127.0.0.1:")?.1.trim().parse().ok())
        .expect("geckodriver listens");
    // Read on, or it blocks when the pipe is full.
    std::thread::spawn(move || lines.for_each(drop));
    let mut settings =
        Settings { webdriver_url: format!("http://127.0.0.1:{port}"), ..Settings::default() };
    change(&mut settings);
    let browser =
        Browser::open(settings).await.unwrap_or_else(|error| panic!("no browser session: {error}"));
    Started { browser, guard, pid }
}

fn geckodriver() -> PathBuf {
    let named = env::var_os("FNO_GECKODRIVER").map(PathBuf::from);
    let in_path = || {
        env::split_paths(&env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join("geckodriver"))
            .find(|file| file.is_file())
    };
    let found = named.or_else(in_path).filter(|file| file.is_file());
    found.expect("these tests drive a real browser: geckodriver is neither named by FNO_GECKODRIVER nor in PATH; `make tools` builds it")
}
