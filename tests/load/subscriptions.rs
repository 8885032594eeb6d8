//! A thousand idle subscriptions.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::client::{Client, standing};
use super::percentile;
use crate::common::{Listening, Project, memory_kib, soon};

const SUBSCRIPTIONS: usize = 1000;
/// Memory that each may take, its connection included.
const EACH_KIB_MAX: u64 = 100;
/// Calls whose time is taken.
const CALLS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures want the machine for itself: see the module"]
async fn a_thousand_idle_subscriptions_take_little_memory_and_all_hear_of_a_change() {
    let project = Project::new();
    let server = Listening::start(project.path(), &[]).await;
    let mut writer = Client::stateless(server.url());
    for name in ["quiet", "busy"] {
        writer.call("init_state", &json!({ "name": name, "workflow": "document" }));
    }
    let (alone, before) = (save_times(&mut writer), memory_kib(server.id()));
    let mut subscribers = Vec::new();
    for id in 0..SUBSCRIPTIONS {
        subscribers.push(Subscriber::open(server.url(), id).await);
    }
    let (memory, beside) = (memory_kib(server.id()), save_times(&mut writer));
    let each = memory.saturating_sub(before) / SUBSCRIPTIONS as u64;
    let changed = Instant::now();
    writer.call("save_state", &json!({ "name": "quiet", "patch": { "data": { "x": 1 } } }));
    for subscriber in &mut subscribers {
        subscriber.until("notifications/resources/updated").await;
    }
    println!(
        "{SUBSCRIPTIONS} idle subscriptions: {each} KiB each ({before} KiB, then {memory} KiB); saving p50 {:.2?} without and {:.2?} with them, p99 {:.2?} and {:.2?}; all heard of a change within {:.2?}",
        percentile(&alone, 50),
        percentile(&beside, 50),
        percentile(&alone, 99),
        percentile(&beside, 99),
        changed.elapsed(),
    );
    assert!(each < EACH_KIB_MAX, "{each} KiB for each subscription");
}

/// How long saves take that nobody listens to, sorted.
fn save_times(writer: &mut Client) -> Vec<Duration> {
    let save = |call: usize| {
        let began = Instant::now();
        let patch = json!({ "data": { "at": format!("{call} {began:?}") } });
        writer.call("save_state", &json!({ "name": "busy", "patch": patch }));
        began.elapsed()
    };
    let mut times: Vec<Duration> = (0..CALLS).map(save).collect();
    times.sort();
    times
}

/// One who listens for changes of one artifact.
struct Subscriber {
    stream: BufReader<TcpStream>,
}

impl Subscriber {
    /// Subscribes, and waits until that is acknowledged.
    async fn open(url: &str, id: usize) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
        let notifications = json!({ "resourceSubscriptions": ["refiner://artifacts/quiet/state"] });
        let params = json!({ "notifications": notifications, "_meta": standing() });
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": "subscriptions/listen", "params": params }).to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
             Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n{message}",
            message.len()
        );
        let mut stream = soon("a connection", TcpStream::connect(address)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut subscriber = Self { stream: BufReader::with_capacity(1024, stream) };
        subscriber.until("notifications/subscriptions/acknowledged").await;
        // The SDK may lose what happens meanwhile, so the server tells of the present state.
        subscriber.until("notifications/resources/updated").await;
        subscriber
    }

    /// Reads until a notification has come.
    async fn until(&mut self, method: &str) {
        let mut line = String::new();
        while !line.contains(method) {
            line.clear();
            let read = soon(method, self.stream.read_line(&mut line)).await.unwrap();
            assert!(read > 0, "the stream ended before {method}");
        }
    }
}
