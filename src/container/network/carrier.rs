//! The process that carries what comes to a [door](super::door) to its container, and the answers back.
//!
//! ```text
//! machine's network │ ordinary user's
//!   client ──▶ door ┼──▶ a connection of the carrier's own ──▶ container
//! ```
//! It ends with whoever looks after the container, and at the latest with the container.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::unistd::{Pid, getpid, getppid};

use super::door::Door;
use crate::container::error::{Error, Result, doing};
use crate::kernel::nftables::Protocol;
use crate::kernel::process::{Sig, raise_open_files, wait4};
use crate::kernel::{raw, record};
use crate::trace::Identity;

/// How much is on its way at once.
const PIECE: usize = 64 << 10;
/// Each door and each direction has a thread, which keeps its piece elsewhere.
const STACK: usize = 128 << 10;
/// So long it takes until somebody who says nothing is forgotten, as docker has it. A connection is never.
const SILENCE: Duration = Duration::from_secs(90);
/// So many doors and clients at once, if the machine allows.
const OPEN_FILES: u64 = 1 << 16;

/// A carrier that is at work.
#[derive(Debug)]
pub(super) struct Carrier {
    process: Identity,
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.process.end();
        // The last of its threads closes the doors. Where the supervisor has reaped it already, its number may be another's.
        if Identity::of(self.process.pid()) == Some(self.process) {
            let _ = wait4(Some(self.process.pid()));
        }
    }
}

impl Carrier {
    /// Start it. The caller is in the user's network namespace by now.
    pub(super) fn start(doors: Vec<Door>, container: Ipv4Addr) -> Result<Self> {
        let maker = getpid();
        let forked = raw::fork();
        let Some(pid) = doing("cannot make a process", forked.map_err(Into::into))? else {
            record::install(None);
            let done = withdraw(&doors, maker).and_then(|()| carry(doors, container));
            raw::exit_now(i32::from(done.is_err()))
        };
        let process = Identity::of(pid);
        let process =
            process.ok_or_else(|| Error::Late("the carrier of a port ended before its time".into()))?;
        Ok(Self { process })
    }
}

/// Keep nothing of the maker's but the doors: others wait until the last one has closed their pipes and locks.
fn withdraw(doors: &[Door], maker: Pid) -> io::Result<()> {
    raw::set_parent_death_signal(Some(Sig::SIGKILL))?;
    if getppid() != maker {
        return Err(io::Error::other("it has gone already"));
    }
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    std::mem::forget(null);
    let mut kept: Vec<RawFd> = doors.iter().map(|door| door.socket.as_raw_fd()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept.into_iter().map(|fd| fd as u32) {
        if fd > first {
            raw::close_range(first, fd - 1)?;
        }
        first = fd + 1;
    }
    raw::close_range(first, u32::MAX)?;
    // With fewer it does less.
    let _ = raise_open_files(OPEN_FILES);
    std::env::set_current_dir("/")
}

/// In the carrier: stand in all doors, for ever.
fn carry(doors: Vec<Door>, container: Ipv4Addr) -> io::Result<()> {
    let threads = doors.into_iter().map(|Door { port, socket, .. }| {
        let inside = SocketAddrV4::new(container, port.container);
        aside(move || match port.protocol {
            Protocol::Tcp => connections(&TcpListener::from(socket), inside),
            Protocol::Udp => datagrams(&Arc::new(UdpSocket::from(socket)), inside),
        })
    });
    let threads: Vec<_> = threads.collect::<io::Result<_>>()?;
    threads.into_iter().for_each(|thread| drop(thread.join()));
    Ok(())
}

fn aside(work: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().stack_size(STACK).spawn(work)
}

/// Whoever comes is connected; whoever cannot be is let go, and sees that.
fn connections(door: &TcpListener, inside: SocketAddrV4) {
    loop {
        match door.accept() {
            Ok((client, _)) => drop(aside(move || drop(connect(client, inside)))),
            Err(_) => breathe(),
        }
    }
}

fn connect(client: TcpStream, inside: SocketAddrV4) -> io::Result<()> {
    let server = TcpStream::connect(inside)?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let there = aside(move || pour(&from, &to))?;
    pour(&server, &client);
    let _ = there.join();
    Ok(())
}

/// Everything, and the end of it, too.
fn pour(mut from: &TcpStream, mut to: &TcpStream) {
    let mut piece = vec![0; PIECE];
    let ended = loop {
        match from.read(&mut piece) {
            Ok(0) => break to.shutdown(Shutdown::Write),
            Ok(length) => {
                if let Err(error) = to.write_all(&piece[..length]) {
                    break Err(error);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    if ended.is_err() {
        // The other direction has nobody to talk to any more.
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

/// Those of each client come from a socket of his own, so that the answers find back to him.
fn datagrams(door: &Arc<UdpSocket>, inside: SocketAddrV4) {
    let clients: Arc<Clients> = Arc::default();
    let mut piece = vec![0; PIECE];
    loop {
        let Ok((length, client)) = door.recv_from(&mut piece) else {
            breathe();
            continue;
        };
        let known = clients.lock().unwrap_or_else(PoisonError::into_inner).get(&client).cloned();
        let server = known.map_or_else(|| meet(door, &clients, client, inside), Ok);
        // What cannot be delivered is lost, as datagrams are.
        let _ = server.and_then(|server| server.send(&piece[..length]));
    }
}

type Clients = Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>;

fn meet(
    door: &Arc<UdpSocket>,
    clients: &Arc<Clients>,
    client: SocketAddr,
    inside: SocketAddrV4,
) -> io::Result<Arc<UdpSocket>> {
    let server = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?);
    server.connect(inside)?;
    server.set_read_timeout(Some(SILENCE))?;
    let (door, all, own) = (Arc::clone(door), Arc::clone(clients), Arc::clone(&server));
    aside(move || {
        let mut piece = vec![0; PIECE];
        loop {
            match own.recv(&mut piece) {
                Ok(length) => drop(door.send_to(&piece[..length], client)),
                // Nobody listens inside yet.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
        all.lock().unwrap_or_else(PoisonError::into_inner).remove(&client);
    })?;
    clients.lock().unwrap_or_else(PoisonError::into_inner).insert(client, Arc::clone(&server));
    Ok(server)
}

/// Too many are open: it gets better when somebody goes.
fn breathe() {
    thread::sleep(Duration::from_millis(20));
}
