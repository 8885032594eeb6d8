//! Tokens in a folder that several processes share.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn new_id(&self) -> String {
        "id".into()
    }
}

fn tokens_of(folder: &Path, workspace: &str, clock: &Arc<SetClock>) -> Tokens {
    let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(clock);
    Tokens::new(UserFolder::new(folder.to_owned()), workspace.into(), clock)
}

fn wanted(name: &str, scopes: &[Scope], lives_millis: Option<i64>) -> NewToken {
    NewToken {
        name: Name::parse(name).unwrap(),
        scopes: scopes.iter().copied().collect(),
        lives_millis,
    }
}

fn said<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    let refusal = result.unwrap_err();
    format!("{}: {refusal}", refusal.code())
}

#[test]
fn a_token_is_good_for_its_workspace_until_it_expires_or_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::default());
    let here = tokens_of(folder.path(), "folder:/here", &clock);
    let elsewhere = tokens_of(folder.path(), "folder:/there", &clock);
    let (kept, secret) = here.create(wanted("a", &[Scope::Write], Some(1000))).unwrap();
    let grant = here.check(secret.reveal()).unwrap();
    assert_eq!((grant.id(), grant.name().as_str()), (kept.id.as_str(), "a"));
    assert!(grant.has(Scope::Read) && grant.has(Scope::Write) && !grant.has(Scope::Approve));
    assert_eq!(here.recheck(&grant), Ok(grant.clone()));
    let foreign = "forbidden: the token belongs to another workspace";
    assert_eq!(said(elsewhere.check(secret.reveal())), foreign);
    assert_eq!(said(elsewhere.recheck(&grant)), foreign);

    clock.0.store(1000, Ordering::Relaxed);
    assert_eq!(said(here.check(secret.reveal())), "forbidden: the token has expired");
    assert_eq!(said(here.recheck(&grant)), "forbidden: the token has expired");
    clock.0.store(0, Ordering::Relaxed);
    // Another process revokes the token, after this one has read the list.
    tokens_of(folder.path(), "folder:/there", &clock).revoke(&kept.id).unwrap();
    for refused in [here.check(secret.reveal()), here.recheck(&grant)] {
        assert!(said(refused).contains("unknown"));
    }
    assert!(said(here.revoke(&kept.id)).starts_with("not_found"));
}

#[test]
fn processes_that_make_tokens_at_once_lose_none() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::default());
    let make = &|process: usize| {
        let tokens = tokens_of(folder.path(), "folder:/here", &clock);
        let names = (0..5).map(|index| format!("p{process}-{index}"));
        let made = names.map(|name| tokens.create(wanted(&name, &[Scope::Read], None)).unwrap().1);
        made.collect::<Vec<Secret>>()
    };
    let secrets: Vec<Secret> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|process| scope.spawn(move || make(process))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let tokens = tokens_of(folder.path(), "folder:/here", &clock);
    assert_eq!((secrets.len(), tokens.list().unwrap().len()), (20, 20));
    assert!(secrets.iter().all(|secret| tokens.check(secret.reveal()).is_ok()));
}

#[cfg(unix)]
#[test]
fn the_list_is_for_its_user_only_and_has_no_secret_in_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let tokens = tokens_of(folder.path(), "folder:/here", &Arc::default());
    let (_, secret) = tokens.create(wanted("a", &[Scope::Approve], None)).unwrap();
    let path = folder.path().join(FILE);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept.contains("approve") && !kept.contains(&secret.reveal()[8..]), "{kept}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a person spoils the file by hand")]
fn a_list_that_cannot_be_understood_makes_no_token_valid_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = tokens_of(folder.path(), "folder:/here", &Arc::default());
    let (kept, secret) = tokens.create(wanted("a", &[Scope::Read], None)).unwrap();
    let path = folder.path().join(FILE);
    let good = std::fs::read_to_string(&path).unwrap();
    for spoilt in [
        "",
        &good[..good.len() / 2],
        &good.replace("\"format\": 1", "\"format\": 2"),
        &good.replace("\"id\"", "\"only_on_sundays\": true, \"id\""),
        &good.replace("\"read\"", "\"everything\""),
    ] {
        std::fs::write(&path, spoilt).unwrap();
        assert!(said(tokens.check(secret.reveal())).starts_with("unsupported"), "{spoilt}");
        assert!(tokens.create(wanted("b", &[Scope::Read], None)).is_err(), "{spoilt}");
        assert!(tokens.revoke(&kept.id).is_err(), "{spoilt}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), *spoilt);
    }
    std::fs::write(&path, &good).unwrap();
    assert!(tokens.check(secret.reveal()).is_ok());
    std::fs::remove_file(&path).unwrap();
    assert!(said(tokens.check(secret.reveal())).contains("unknown"));
}

#[test]
fn there_are_only_so_many() {
    let one = Token {
        id: "i".into(),
        name: Name::parse("a").unwrap(),
        scopes: BTreeSet::new(),
        workspace: String::new(),
        created: Time::from_millis(0),
        expires: None,
        digest: Secret::of([0; 32]).digest(),
    };
    assert!(check_room(&vec![one.clone(); limits::TOKENS_MAX - 1]).is_ok());
    assert_eq!(check_room(&vec![one; limits::TOKENS_MAX]).unwrap_err().code(), "too_large");
}
