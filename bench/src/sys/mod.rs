//! The system calls that no crate here has in a safe form: a timer that wakes to the microsecond, and batched sending as bare as
//! it can be. The only unsafe code of the harness.

#![expect(unsafe_code, reason = "system calls; each block says why it is sound")]

mod batch;

pub(crate) use batch::{BATCH, Intake, Outlet, prepare};

use libc::{iovec, mmsghdr, sockaddr_in};
use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A timer that a poll can wait for: polls alone wait in whole milliseconds.
#[derive(Debug)]
pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else has.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Rings once, after `time`, instead of whatever it was set to.
    pub(crate) fn set(&self, time: Duration) -> io::Result<()> {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // A time of nothing would disarm it.
        let time = time.max(Duration::from_nanos(1));
        let value = libc::timespec {
            tv_sec: time.as_secs().min(3_600) as libc::time_t,
            tv_nsec: libc::c_long::from(time.subsec_nanos()),
        };
        let spec = libc::itimerspec { it_interval: zero, it_value: value };
        // SAFETY: the descriptor is ours and open, `spec` lives through the call, and the old value is not asked for.
        let result = unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const spec, std::ptr::null_mut()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Sends equally long datagrams, some to each of many destinations, with as few calls as there can be.
pub(crate) struct BareSender {
    addresses: Vec<sockaddr_in>,
    /// Room for one `UDP_SEGMENT` message for each destination.
    controls: Vec<Control>,
}

/// Aligned as the kernel wants control messages.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_LEN]);

/// A `cmsghdr` and a 16-bit segment size, padded.
const CONTROL_LEN: usize = 24;

/// Segments that the kernel takes in one message (UDP_MAX_SEGMENTS before Linux 6.9).
pub(crate) const MAX_SEGMENTS: usize = 64;

impl BareSender {
    pub(crate) fn new(destinations: &[SocketAddrV4]) -> Self {
        let address = |to: &SocketAddrV4| sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: to.port().to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.ip().octets()) },
            sin_zero: [0; 8],
        };
        Self {
            addresses: destinations.iter().map(address).collect(),
            controls: vec![Control([0; CONTROL_LEN]); destinations.len()],
        }
    }

    /// Sends `each` datagrams of `len` bytes to every destination; `bytes` holds them one after the other, those of the first
    /// destination first. With `segment`, those of one destination are handed over as one (UDP GSO). Gives the number of
    /// datagrams that the kernel took.
    pub(crate) fn send(
        &mut self,
        socket: &UdpSocket,
        bytes: &mut [u8],
        len: usize,
        each: usize,
        segment: bool,
    ) -> usize {
        assert!(bytes.len() >= self.addresses.len() * each * len, "the datagrams are all there");
        let per_message = if segment { each.min(MAX_SEGMENTS) } else { 1 };
        let messages_each = each.div_ceil(per_message);
        let message_len = per_message * len;
        let mut vectors: Vec<iovec> = Vec::with_capacity(self.addresses.len() * messages_each);
        for index in 0..self.addresses.len() * messages_each {
            let at = (index / messages_each) * each * len + (index % messages_each) * message_len;
            let end = (at + message_len).min((index / messages_each + 1) * each * len);
            let piece = &mut bytes[at..end];
            vectors.push(iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: piece.len() });
        }
        let mut headers: Vec<mmsghdr> = Vec::with_capacity(vectors.len());
        for (index, vector) in vectors.iter_mut().enumerate() {
            let destination = index / messages_each;
            // SAFETY: all zeros are a valid `mmsghdr`: null pointers and lengths of nothing.
            let mut header: mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_name = (&raw mut self.addresses[destination]).cast();
            header.msg_hdr.msg_namelen = size_of::<sockaddr_in>() as libc::socklen_t;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            if segment && per_message > 1 {
                let control = &mut self.controls[destination];
                *control = segment_message(len as u16);
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = CONTROL_LEN;
            }
            headers.push(header);
        }
        let mut sent = 0;
        while sent < headers.len() {
            let rest = &mut headers[sent..];
            // SAFETY: `rest` is a valid array of that many headers; every pointer in it leads into `self.addresses`,
            // `self.controls`, `vectors` or `bytes`, which all outlive the call and are not moved or touched meanwhile.
            let taken = unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, 0) };
            if taken <= 0 {
                break;
            }
            sent += taken as usize;
        }
        (sent * per_message).min(self.addresses.len() * each)
    }
}

/// `cmsg_len`, `cmsg_level`, `cmsg_type`, and the size of a segment (udp(7)).
fn segment_message(len: u16) -> Control {
    let mut bytes = [0; CONTROL_LEN];
    bytes[0..8].copy_from_slice(&18_usize.to_ne_bytes());
    bytes[8..12].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
    bytes[12..16].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
    bytes[16..18].copy_from_slice(&len.to_ne_bytes());
    Control(bytes)
}

/// Asks a process to end (SIGTERM).
pub(crate) fn terminate(pid: u32) {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return };
    // SAFETY: no pointers; at worst there is no such process any more.
    unsafe { libc::kill(pid, libc::SIGTERM) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_arrive_whole_with_and_without_segments() {
        let receivers: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let to: Vec<SocketAddrV4> = receivers
            .iter()
            .map(|receiver| match receiver.local_addr().unwrap() {
                std::net::SocketAddr::V4(address) => address,
                std::net::SocketAddr::V6(_) => unreachable!("an IPv4 address was bound"),
            })
            .collect();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sender = BareSender::new(&to);
        for segment in [false, true] {
            let mut bytes: Vec<u8> = (0..3 * 4).flat_map(|i| [i as u8; 100]).collect();
            assert_eq!(sender.send(&socket, &mut bytes, 100, 4, segment), 12);
            for (i, receiver) in receivers.iter().enumerate() {
                for j in 0..4 {
                    let mut buffer = [0; 2000];
                    receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                    let len = receiver.recv(&mut buffer).unwrap();
                    assert_eq!((len, buffer[0], buffer[99]), (100, (i * 4 + j) as u8, (i * 4 + j) as u8));
                }
            }
        }
    }
}
