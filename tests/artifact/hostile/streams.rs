//! Standard streams that are closed, full, or read by nobody.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

use super::launcher::{Expected, ended, finish, prepared};
use super::{THREADS, Targets, each, programs, words};
use crate::server::{Server, answer, response};

/// Closes the standard streams whose bits are set.
#[allow(unsafe_code, reason = "the streams are not owned")]
fn close(streams: u8) -> io::Result<()> {
    for stream in (0..3).filter(|stream| streams >> stream & 1 == 1) {
        // SAFETY: the process executes another program next, and owns no stream until then.
        if unsafe { libc::close(stream) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whatever is closed, the verdict is the same, and nothing that belongs on a standard stream goes
/// to a server, whose socket would get the number of the stream.
#[test]
fn closed_streams_are_not_used_for_anything_else() {
    for program in programs() {
        let http = Server::new(answer(response("200 OK", "ready")));
        let url = http.url("/");
        let mut cases = Vec::new();
        for streams in 0..8 {
            for (line, status) in [
                (format!("http {url}"), 0),
                (format!("http {url} --status 500 -v"), 1),
                (format!("http {url} --json"), 0),
                (format!("http {url} and file /dev/null/none"), 1),
                (format!("http {url} --no-such-option"), 1),
            ] {
                cases.push((streams, line, status));
            }
        }
        each(THREADS, &cases, |(streams, line, status)| {
            let mut command = Command::new(&program);
            command.args(words(line)).env_clear().stdin(Stdio::null());
            let streams = *streams;
            prepared(&mut command, move || close(streams));
            let end = finish(&mut command);
            end.exited(if *status == 0 { Expected::Healthy } else { Expected::Broken })?;
            if end.status.code() == Some(*status) { Ok(()) } else { Err(format!("{streams:b}: {end:?}")) }
        });
        for request in http.asked() {
            let (head, rest) = request.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("GET / HTTP/1.1\r\n") && rest.is_empty(), "{request}");
        }
    }
}

/// Returns a pipe that has no room left, and its reader, which must not be dropped.
fn full_pipe() -> (File, OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    let mut writer = File::from(OwnedFd::from(writer));
    let mode = |flags| fcntl(writer.as_fd(), FcntlArg::F_SETFL(flags)).unwrap();
    mode(OFlag::O_NONBLOCK);
    while (&writer).write(&[b'x'; 4096]).is_ok() {}
    mode(OFlag::empty());
    writer.flush().unwrap();
    (writer, reader.into())
}

#[test]
fn a_check_ends_although_nobody_reads_its_verdict() {
    let targets = Targets::new();
    let Some(program) = programs().into_iter().next() else { return };
    let cases = targets.checks();
    // All at a time, because each waits for its reader.
    each(cases.len(), &cases, |(words, expected)| {
        let (pipe, reader) = full_pipe();
        let mut command = Command::new(&program);
        command.args(words).env_clear().stdin(Stdio::null());
        command.stderr(pipe.try_clone().unwrap()).stdout(pipe);
        let status = ended(&mut command.spawn().unwrap());
        drop(reader);
        let code = i32::from(*expected != Expected::Healthy);
        if status.code() == Some(code) { Ok(()) } else { Err(format!("{words:?}: {status}")) }
    });
}
