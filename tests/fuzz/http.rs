//! Over HTTP: in a session and in requests that stand by themselves, with good and odd headers.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use super::{Acknowledged, GROWTH_KIB_MAX, check_form, id_to_answer, message, seeds};
use crate::common::{Listening, Project, Random, memory_kib};

/// Clients that send at once.
const CLIENTS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_nearly_right_are_each_answered_once_and_write_only_what_is_acknowledged()
{
    let project = Project::new();
    let server = Listening::start(project.path(), &[]).await;
    let acknowledged = Mutex::new(Acknowledged::default());
    let before = memory_kib(server.id());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, acknowledged) = (&server, &acknowledged);
            scope.spawn(move || {
                let client_of = Client::greeted(server.url());
                for seed in seeds().filter(|seed| seed % CLIENTS == client) {
                    client_of.tell(seed, acknowledged);
                }
            });
        }
    });
    let growth = memory_kib(server.id()).saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
    drop(server);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.check(&project.file("")) > 10, "something was written");
}

/// One who has a session, and sends without it too.
struct Client {
    agent: Agent,
    url: String,
    session: String,
}

impl Client {
    fn greeted(url: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(Duration::from_secs(60))).build().new_agent();
        let client = json!({ "name": "fuzz", "version": "1" });
        let params =
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
        let greeting =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = agent
            .post(url)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .send(greeting.to_string())
            .unwrap();
        let session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        Self { agent, url: url.to_owned(), session }
    }

    /// Sends one case, and fails unless it is answered as it has to be.
    fn tell(&self, seed: u64, acknowledged: &Mutex<Acknowledged>) {
        let mut random = Random::seeded(seed);
        let good = message::good(1_000_000 + seed, &mut random);
        let in_session = random.below(2) == 0;
        let good = if in_session { good } else { standing_alone(good) };
        let body = message::nearly_right(&good, &mut random);
        let case = format!("seed {seed}: {}", String::from_utf8_lossy(&body));
        let mut headers = self.headers(&good, in_session);
        let are_odd = random.below(4) == 0;
        if are_odd {
            let at = usize::try_from(random.below(headers.len() as u64)).unwrap();
            headers[at].1 = ODD_HEADERS[usize::try_from(random.below(8)).unwrap()].to_owned();
        }
        let mut request = self.agent.post(&self.url);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let mut answer = request.send(&body[..]).unwrap_or_else(|error| panic!("{error}; {case}"));
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(status < 500, "{status} {text}; {headers:?} {case}");
        let answers = messages(&text);
        for answer in &answers {
            check_form(answer, &case);
            acknowledged.lock().unwrap().note(answer);
        }
        match id_to_answer(&body) {
            Some(id) if !are_odd => {
                assert_eq!(answers.len(), 1, "{status} {text}; {case}");
                assert_eq!(answers[0]["id"], id, "{status} {text}; {case}");
            }
            _ => assert!(answers.len() <= 1, "{status} {text}; {case}"),
        }
    }

    fn headers(&self, good: &Value, in_session: bool) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Accept", "application/json, text/event-stream".to_owned()),
        ];
        if in_session {
            headers.push(("Mcp-Session-Id", self.session.clone()));
            headers.push(("MCP-Protocol-Version", "2025-11-25".to_owned()));
            return headers;
        }
        headers.push(("MCP-Protocol-Version", "2026-07-28".to_owned()));
        headers.push(("Mcp-Method", good["method"].as_str().unwrap().to_owned()));
        let params = &good["params"];
        if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
            headers.push(("Mcp-Name", name.to_owned()));
        }
        headers
    }
}

/// What a header is replaced by.
const ODD_HEADERS: [&str; 8] =
    ["", " ", "*/*", "text/plain", "2024-11-05", "2099-01-01", "=?base64?!!?=", "tools/call,ping"];

/// Makes of a request one of revision 2026-07-28.
fn standing_alone(mut request: Value) -> Value {
    request["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "fuzz", "version": "1" },
    });
    request
}

/// Returns the answers in a body: one as JSON, or those of a stream's events.
fn messages(body: &str) -> Vec<Value> {
    if let Ok(message) = serde_json::from_str(body) {
        return vec![message];
    }
    let events = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let events = events.map(str::trim).filter(|data| !data.is_empty());
    let messages = events.map(|data| serde_json::from_str::<Value>(data).unwrap());
    messages.filter(|message| message["method"].is_null()).collect()
}
