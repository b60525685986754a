//! Datagrams by the batch: in with the kernel's own times and coalesced (recvmmsg, SO_TIMESTAMPNS, UDP_GRO), out with one call.

use crate::client::Transmit;
use libc::{cmsghdr, iovec, mmsghdr, sockaddr_in};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Messages taken from a socket with one call.
pub(crate) const BATCH: usize = 16;
/// Bytes of a message at most: what the kernel coalesces.
const MESSAGE_BYTES: usize = 65_536;
/// Room for a time stamp and a segment size.
const CONTROL_BYTES: usize = 96;

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// What came with one message: one datagram, or several of one sender and one length (the last may be shorter).
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) bytes: &'a mut [u8],
    /// Length of each datagram in `bytes`.
    pub(crate) segment: usize,
    pub(crate) from: SocketAddr,
    /// When the kernel had it, since 1970.
    pub(crate) at: Option<Duration>,
}

/// Asks for the kernel's times and for coalesced datagrams. Where the kernel cannot, the figures are its reader's, and datagrams
/// come one by one.
pub(crate) fn prepare(socket: &impl AsRawFd) {
    for (level, option) in [(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS), (libc::SOL_UDP, libc::UDP_GRO)] {
        let on: libc::c_int = 1;
        // SAFETY: the descriptor is open, and the value is an int that lives through the call.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                level,
                option,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
}

/// Buffers that a batch is received into.
pub(crate) struct Intake {
    bytes: Vec<u8>,
    names: Vec<sockaddr_in>,
    controls: Vec<Control>,
    vectors: Vec<iovec>,
    headers: Vec<mmsghdr>,
    /// Headers that the last call has written into.
    used: usize,
}

impl Intake {
    pub(crate) fn new() -> Self {
        // SAFETY: all zeros are valid for all three: numbers, null pointers and lengths of nothing.
        let (name, vector, header) = unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        Self {
            bytes: vec![0; BATCH * MESSAGE_BYTES],
            names: vec![name; BATCH],
            controls: vec![Control([0; CONTROL_BYTES]); BATCH],
            vectors: vec![vector; BATCH],
            headers: vec![header; BATCH],
            used: BATCH,
        }
    }

    /// One that cannot be received into: it stands where another is lent away.
    pub(crate) fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            names: Vec::new(),
            controls: Vec::new(),
            vectors: Vec::new(),
            headers: Vec::new(),
            used: 0,
        }
    }

    /// Takes what has come, without waiting. Gives the number of messages.
    pub(crate) fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        // The vectors never grow, so that what points into them stays right wherever this struct is moved.
        for (index, piece) in self.bytes.chunks_exact_mut(MESSAGE_BYTES).enumerate().take(self.used) {
            self.vectors[index] = iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: MESSAGE_BYTES };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = size_of::<sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[index].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES;
            header.msg_flags = 0;
        }
        // SAFETY: `headers` has that many valid headers; every pointer in them leads into a vector of this struct that is as long as
        // its length says, and none is touched before the call returns. No timeout is given.
        let count = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        self.used = usize::try_from(count).unwrap_or(0);
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// One message of the last batch. `None` when it is not from an IPv4 address, or is longer than could be.
    pub(crate) fn message(&mut self, index: usize) -> Option<Arrived<'_>> {
        let (name, header) = (self.names.get(index)?, self.headers.get(index)?);
        if i32::from(name.sin_family) != libc::AF_INET {
            return None;
        }
        let address = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
        let from = SocketAddr::V4(SocketAddrV4::new(address, u16::from_be(name.sin_port)));
        let len = header.msg_len as usize;
        let (at, segment) = read_control(self.controls.get(index)?, header.msg_hdr.msg_controllen);
        let start = index * MESSAGE_BYTES;
        let bytes = self.bytes.get_mut(start..start + len)?;
        Some(Arrived { segment: segment.unwrap_or(len).max(1), bytes, from, at })
    }
}

/// The time stamp and the segment size among control messages (cmsg(3)).
fn read_control(control: &Control, len: usize) -> (Option<Duration>, Option<usize>) {
    const HEADER: usize = size_of::<cmsghdr>();
    let (mut at, mut segment) = (None, None);
    let mut rest = control.0.get(..len.min(CONTROL_BYTES)).unwrap_or_default();
    while let Some((head, _)) = rest.split_first_chunk::<HEADER>() {
        let number = |range: std::ops::Range<usize>| head.get(range).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        let Some(length) = head.first_chunk::<8>().map(|bytes| usize::from_ne_bytes(*bytes)) else { break };
        let (Some(level), Some(kind)) = (number(8..12), number(12..16)) else { break };
        let (level, kind) = (i32::from_ne_bytes(level), i32::from_ne_bytes(kind));
        let Some(value) = rest.get(HEADER..length) else { break };
        if (level, kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            let word = |from: usize| value.get(from..from + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
            if let (Some(seconds), Some(nanoseconds)) = (word(0), word(8)) {
                let seconds = u64::try_from(i64::from_ne_bytes(seconds)).unwrap_or(0);
                at = Some(Duration::new(seconds, u32::try_from(i64::from_ne_bytes(nanoseconds)).unwrap_or(0)));
            }
        } else if (level, kind) == (libc::SOL_UDP, libc::UDP_GRO) {
            let size = value.first_chunk::<4>().map(|bytes| i32::from_ne_bytes(*bytes));
            segment = size.and_then(|size| usize::try_from(size).ok());
        }
        rest = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    (at, segment)
}

/// What one client sends, handed over with one call.
#[derive(Default)]
pub(crate) struct Outlet {
    names: Vec<sockaddr_in>,
    vectors: Vec<iovec>,
    headers: Vec<mmsghdr>,
}

impl Outlet {
    /// Sends datagrams to IPv4 addresses; others are passed over. Gives how many the kernel took.
    pub(crate) fn send(&mut self, fd: RawFd, datagrams: &[Transmit]) -> usize {
        self.names.clear();
        self.vectors.clear();
        self.headers.clear();
        for datagram in datagrams {
            let SocketAddr::V4(to) = datagram.remote else { continue };
            self.names.push(sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: to.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.ip().octets()) },
                sin_zero: [0; 8],
            });
            let bytes = &datagram.bytes;
            // The kernel only reads through it.
            self.vectors.push(iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
        }
        for (name, vector) in self.names.iter_mut().zip(&mut self.vectors) {
            // SAFETY: all zeros are a valid `mmsghdr`: null pointers and lengths of nothing.
            let mut header: mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_name = (&raw mut *name).cast();
            header.msg_hdr.msg_namelen = size_of::<sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            self.headers.push(header);
        }
        let mut sent = 0;
        while let Some(rest) = self.headers.get_mut(sent..).filter(|rest| !rest.is_empty()) {
            // SAFETY: `rest` is a valid array of that many headers; every pointer in it leads into `self.names`, `self.vectors` or
            // the datagrams, which outlive the call and are not moved or touched meanwhile.
            let taken =
                unsafe { libc::sendmmsg(fd, rest.as_mut_ptr(), rest.len() as libc::c_uint, libc::MSG_DONTWAIT) };
            match usize::try_from(taken) {
                Ok(taken) if taken > 0 => sent += taken,
                _ => break,
            }
        }
        sent
    }
}

// SAFETY: the pointers lead into the struct's own vectors, and are made anew before each call.
unsafe impl Send for Intake {}
// SAFETY: the same; what they lead to is used only within a call.
unsafe impl Send for Outlet {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::time::SystemTime;

    #[test]
    fn batches_come_whole_and_with_their_times() {
        let (from, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        prepare(&to);
        let remote = to.local_addr().unwrap();
        let local = from.local_addr().unwrap();
        let datagrams: Vec<Transmit> =
            (0..5_u8).map(|i| Transmit { local, remote, bytes: vec![i; 100 + usize::from(i)] }).collect();
        let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(Outlet::default().send(from.as_raw_fd(), &datagrams), 5);
        let mut intake = Intake::new();
        assert_eq!(intake.receive(to.as_raw_fd()).unwrap(), 5);
        for i in 0..5_u8 {
            let arrived = intake.message(usize::from(i)).unwrap();
            assert_eq!((&*arrived.bytes, arrived.from), (vec![i; 100 + usize::from(i)].as_slice(), local));
            assert_eq!(arrived.segment, arrived.bytes.len());
            let at = arrived.at.expect("the kernel tells its time");
            assert!(at >= before && at - before < Duration::from_secs(5));
        }
        assert!(intake.receive(to.as_raw_fd()).is_err(), "there is no more");
    }

    #[test]
    fn segments_are_told() {
        let (from, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        prepare(&to);
        let SocketAddr::V4(remote) = to.local_addr().unwrap() else { unreachable!("an IPv4 address was bound") };
        let mut bytes = [7; 400];
        assert_eq!(super::super::BareSender::new(&[remote]).send(&from, &mut bytes, 100, 4, true), 4);
        let mut intake = Intake::new();
        let messages = intake.receive(to.as_raw_fd()).unwrap();
        let whole: usize = (0..messages)
            .map(|i| {
                let arrived = intake.message(i).unwrap();
                assert_eq!(arrived.segment, 100);
                arrived.bytes.len()
            })
            .sum();
        assert_eq!(whole, 400);
    }
}
