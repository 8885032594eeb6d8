//! The process's standard streams, driven by the reactor if the system supports it.
//!
//! Most clients pass pipes to a server; Node and Bun pass socket pairs. Blocking reads cost a
//! thread switch per message: 12,000 calls per second were measured instead of 73,000 to 98,000.

use std::io::IsTerminal as _;

use tokio::io::{AsyncRead, AsyncWrite};

/// The source of messages.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// The sink of messages.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Returns standard input and output.
pub(super) fn standard() -> (Reader, Writer) {
    #[cfg(unix)]
    if let Some((reader, writer)) = sockets() {
        return (Box::new(reader), Box::new(writer));
    }
    let (reader, writer) = rmcp::transport::stdio_pipes();
    (Box::new(reader), Box::new(writer))
}

/// Returns standard input and output if both are Unix sockets.
#[cfg(unix)]
fn sockets() -> Option<(tokio::net::UnixStream, tokio::net::UnixStream)> {
    use std::os::fd::AsFd as _;
    Some((socket(std::io::stdin().as_fd())?, socket(std::io::stdout().as_fd())?))
}

#[cfg(unix)]
fn socket(descriptor: std::os::fd::BorrowedFd<'_>) -> Option<tokio::net::UnixStream> {
    use std::os::unix::fs::FileTypeExt as _;
    let file = std::fs::File::from(descriptor.try_clone_to_owned().ok()?);
    if !file.metadata().ok()?.file_type().is_socket() {
        return None;
    }
    let stream = std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(file));
    // Only Unix sockets have this kind of address.
    stream.local_addr().ok()?;
    stream.set_nonblocking(true).ok()?;
    tokio::net::UnixStream::from_std(stream).ok()
}

/// Returns whether standard output is a terminal.
pub(super) fn is_seen() -> bool {
    std::io::stdout().is_terminal()
}

/// Returns whether the process was started without standard output. Rust's runtime replaces a
/// closed stream with `/dev/null`, open for reading and writing, which no redirection does.
#[cfg(unix)]
pub(super) fn is_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};
    let stdout = std::io::stdout();
    let to_both = fcntl_getfl(&stdout).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    let device = fstat(&stdout).map(|stdout| stdout.st_rdev);
    let null = stat("/dev/null").map(|null| null.st_rdev);
    to_both && device.is_ok_and(|device| device != 0 && Ok(device) == null)
}

/// Other systems report this at the first write.
#[cfg(not(unix))]
pub(super) fn is_closed() -> bool {
    false
}

/// Waits until standard output has no reader, which an idle server would not notice. A socket that
/// is only shut down for reading shows it at the next write.
#[cfg(unix)]
pub(super) async fn reader_gone() {
    let (gone, told) = tokio::sync::oneshot::channel();
    // A thread, since the reactor reports this only together with every answer that was read.
    let watch = move || {
        if is_broken(&std::io::stdout()) {
            // The server may have ended in the meantime.
            gone.send(()).unwrap_or(());
        }
    };
    let watching =
        std::thread::Builder::new().name("reader".into()).stack_size(64 << 10).spawn(watch);
    if watching.is_err() || told.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits until a stream has no reader. Returns `false` if the system cannot report this.
#[cfg(unix)]
fn is_broken(stream: &impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        let mut streams = [PollFd::new(stream, PollFlags::empty())];
        match poll(&mut streams, None) {
            Ok(_) => return streams[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Other systems report this at the next write.
#[cfg(not(unix))]
pub(super) async fn reader_gone() {
    std::future::pending::<()>().await;
}
