//! TLS.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::fixture::greeting;
use super::program::Program;
use super::wire::{Connection, MESSAGE};
use crate::common::{Project, refiner};

/// Makes a certificate, and returns it and the paths of its files.
fn certificate(folder: &Path, name: &str) -> (String, PathBuf, PathBuf) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (chain, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (made.cert.pem(), chain, key)
}

#[tokio::test]
async fn a_server_with_a_certificate_is_served_over_tls_and_over_nothing_else() {
    let project = Project::new();
    let (pem, chain, key) = certificate(project.path(), "own");
    let files = ["--tls-cert", chain.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Program::start(project.path(), &files).await;
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let mut plain = Connection::open(server.address()).await;
    plain.request("GET", "/healthz", &[], b"").await;
    let said = plain.closed().await;
    assert!(!said.starts_with(b"HTTP/"), "{said:?}");
    let url = server.url.clone();
    let greeted = tokio::task::spawn_blocking(move || {
        let root = Certificate::from_pem(pem.as_bytes()).unwrap();
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build();
        let agent = ureq::Agent::config_builder().tls_config(tls).build().new_agent();
        let mut request = agent.post(&url);
        for (name, value) in MESSAGE {
            request = request.header(name, value);
        }
        request.send(greeting().to_string()).unwrap().body_mut().read_to_string().unwrap()
    });
    let greeted = greeted.await.unwrap();
    assert!(greeted.contains("\"protocolVersion\":\"2025-11-25\""), "{greeted}");
    server.signal(Signal::TERM);
    server.ended().await;
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_when_the_server_starts() {
    let project = Project::new();
    let (_, chain, _) = certificate(project.path(), "one");
    let (_, _, key) = certificate(project.path(), "other");
    for (chain, key, named) in [(&chain, &key, &chain), (&key, &chain, &key)] {
        let address = ["serve", "--http", "127.0.0.1:0", "--tls-cert"];
        let files = [chain.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        let refused = refiner(project.path(), address.into_iter().chain(files));
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(named.to_str().unwrap()), "{refused:?}");
    }
}
