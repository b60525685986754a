//! `sendmmsg`: many messages a call, each gathered from one or more datagrams, with its own source address and segment size.

use super::{CONTROL_BYTES, Control, Name};
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Messages of one call: a system call costs 165 ns, so that 64 share it for 3 ns each.
pub(in crate::driver) const MESSAGES: usize = 64;

/// Datagrams of one call at most.
pub(in crate::driver) const PARTS: usize = 512;

/// One message on its way out.
#[derive(Debug, Clone, Copy)]
pub(in crate::driver) struct Target {
    pub(in crate::driver) remote: SocketAddr,
    /// The address of ours to send from; `None` leaves it to the socket.
    pub(in crate::driver) source: Option<IpAddr>,
    /// The kernel cuts the message into datagrams of so many bytes.
    pub(in crate::driver) segment: Option<u16>,
}

/// What a message holds, for the books.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::driver) struct Load {
    pub(in crate::driver) datagrams: u32,
    pub(in crate::driver) bytes: u32,
}

/// The arrays that the kernel reads. Allocated once.
pub(in crate::driver) struct Outbound {
    names: Box<[Name]>,
    controls: Box<[Control]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    loads: Box<[Load]>,
}

// SAFETY: pointers are kept only while a `Stage` borrows this; what is left of them afterwards is never read.
unsafe impl Send for Outbound {}

/// Messages gathered for one or a few calls. Holds on to the bytes (`'b`) that its messages are made of.
pub(in crate::driver) struct Stage<'o, 'b> {
    out: &'o mut Outbound,
    messages: usize,
    parts: usize,
    bytes: PhantomData<&'b [u8]>,
}

impl Outbound {
    pub(in crate::driver) fn new() -> Self {
        // SAFETY: both are integers and pointers that may be null.
        let (vector, header) = unsafe { (mem::zeroed::<libc::iovec>(), mem::zeroed::<libc::mmsghdr>()) };
        Self {
            names: vec![Name::empty(); MESSAGES].into_boxed_slice(),
            controls: vec![Control::EMPTY; MESSAGES].into_boxed_slice(),
            vectors: vec![vector; PARTS].into_boxed_slice(),
            headers: vec![header; MESSAGES].into_boxed_slice(),
            loads: vec![Load::default(); MESSAGES].into_boxed_slice(),
        }
    }

    /// An empty stage.
    pub(in crate::driver) fn stage<'b>(&mut self) -> Stage<'_, 'b> {
        Stage { out: self, messages: 0, parts: 0, bytes: PhantomData }
    }
}

impl<'b> Stage<'_, 'b> {
    /// Messages on the stage.
    pub(in crate::driver) fn len(&self) -> usize {
        self.messages
    }

    /// Whether `messages` more, of `parts` datagrams altogether, still fit.
    pub(in crate::driver) fn fits(&self, messages: usize, parts: usize) -> bool {
        self.messages + messages <= MESSAGES && self.parts + parts <= PARTS
    }

    /// What a message holds.
    pub(in crate::driver) fn load(&self, message: usize) -> Load {
        self.out.loads.get(message).copied().unwrap_or_default()
    }

    /// Adds a message; the caller has asked whether it [`fits`](Self::fits).
    pub(in crate::driver) fn push(&mut self, target: &Target, parts: impl Iterator<Item = &'b [u8]>) {
        let i = self.messages;
        let mut load = Load::default();
        let first = self.parts;
        for part in parts {
            self.out.vectors[first + load.datagrams as usize] =
                libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() };
            load.datagrams += 1;
            load.bytes += part.len() as u32;
        }
        let header = &mut self.out.headers[i].msg_hdr;
        header.msg_namelen = self.out.names[i].write(target.remote);
        header.msg_iovlen = load.datagrams as _;
        header.msg_controllen = write_control(&mut self.out.controls[i], target) as _;
        self.out.loads[i] = load;
        self.messages += 1;
        self.parts += load.datagrams as usize;
    }

    /// Sends the messages from `from` on without blocking; tells how many went.
    pub(in crate::driver) fn send(&mut self, socket: BorrowedFd<'_>, from: usize) -> io::Result<usize> {
        let from = from.min(self.messages);
        let out = &mut *self.out;
        let names = out.names.as_mut_ptr();
        let controls = out.controls.as_mut_ptr();
        let mut vector = out.vectors.as_mut_ptr();
        for (i, header) in out.headers.iter_mut().enumerate().take(self.messages) {
            let header = &mut header.msg_hdr;
            // SAFETY: `i` is below MESSAGES, the length of both arrays; `push` wrote as many vectors as a message has datagrams,
            // one message's after the other's, all of them within the array.
            unsafe {
                header.msg_name = names.add(i).cast();
                header.msg_iov = vector;
                vector = vector.add(out.loads[i].datagrams as usize);
                header.msg_control =
                    if header.msg_controllen == 0 { std::ptr::null_mut() } else { controls.add(i).cast() };
            }
        }
        let due = &mut out.headers[from..self.messages];
        // SAFETY: every header points at a name, vectors and a control buffer of the lengths it says; the vectors point at
        // bytes borrowed for `'b`, which this stage does not outlive. The kernel only reads them.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                due.as_mut_ptr(),
                due.len() as libc::c_uint,
                (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Writes a message's control messages; tells how many bytes they take.
fn write_control(control: &mut Control, target: &Target) -> usize {
    let mut used = 0;
    match target.source {
        Some(IpAddr::V4(ip)) => {
            let packet = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            used += append(control, used, libc::IPPROTO_IP, libc::IP_PKTINFO, packet);
        }
        Some(IpAddr::V6(ip)) => {
            let packet = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
            used += append(control, used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, packet);
        }
        None => {}
    }
    if let Some(segment) = target.segment {
        used += append(control, used, libc::SOL_UDP, libc::UDP_SEGMENT, segment);
    }
    used
}

/// Appends one control message behind `used` bytes of others; tells how many bytes it takes.
fn append<T: Copy>(control: &mut Control, used: usize, level: libc::c_int, kind: libc::c_int, payload: T) -> usize {
    // SAFETY: these two only calculate.
    let (space, len) = unsafe {
        let size = mem::size_of::<T>() as libc::c_uint;
        (libc::CMSG_SPACE(size) as usize, libc::CMSG_LEN(size))
    };
    assert!(used + space <= CONTROL_BYTES, "one source address and one segment size fit");
    // SAFETY: the header and its payload lie within the buffer, as was just asserted; the buffer is aligned for a header,
    // CMSG_SPACE keeps `used` a multiple of that alignment, and the payload is written unaligned.
    unsafe {
        let header = control.0.as_mut_ptr().add(used).cast::<libc::cmsghdr>();
        (*header).cmsg_len = len as _;
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(payload);
    }
    space
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_control_messages_fit() {
        let mut target =
            Target { remote: "[::1]:9".parse().unwrap(), source: Some("::1".parse().unwrap()), segment: Some(1_200) };
        assert_eq!(write_control(&mut Control::EMPTY.clone(), &target), CONTROL_BYTES);
        target.source = None;
        target.segment = None;
        assert_eq!(write_control(&mut Control::EMPTY.clone(), &target), 0);
    }
}
