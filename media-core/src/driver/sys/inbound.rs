//! `recvmmsg`: many datagrams a call, each with the address it was sent to and, under GRO, its segment size.

use super::{Control, Name, Told};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// A datagram, or a run of equal ones that the kernel joined.
#[derive(Debug)]
pub(in crate::driver) struct Arrived<'a> {
    pub(in crate::driver) remote: SocketAddr,
    /// The address of ours that it was sent to, where the socket tells.
    pub(in crate::driver) local: Option<IpAddr>,
    /// Bytes of each datagram but the last, which may be shorter; at least 1.
    pub(in crate::driver) segment: usize,
    pub(in crate::driver) bytes: &'a mut [u8],
}

/// Slots that the kernel fills. Allocated once.
pub(in crate::driver) struct Inbound {
    slot_bytes: usize,
    bytes: Box<[u8]>,
    names: Box<[Name]>,
    controls: Box<[Control]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    filled: usize,
}

// SAFETY: the pointers among `vectors` and `headers` are written anew by every `receive` and used in that call only.
unsafe impl Send for Inbound {}

impl Inbound {
    /// `slots` slots of `slot_bytes` each; a longer datagram is dropped.
    pub(in crate::driver) fn new(slots: usize, slot_bytes: usize) -> Self {
        let slots = slots.max(1);
        // SAFETY: both are integers and pointers that may be null.
        let (vector, header) = unsafe { (mem::zeroed::<libc::iovec>(), mem::zeroed::<libc::mmsghdr>()) };
        Self {
            slot_bytes,
            bytes: vec![0; slots * slot_bytes].into_boxed_slice(),
            names: vec![Name::empty(); slots].into_boxed_slice(),
            controls: vec![Control::EMPTY; slots].into_boxed_slice(),
            vectors: vec![vector; slots].into_boxed_slice(),
            headers: vec![header; slots].into_boxed_slice(),
            filled: 0,
        }
    }

    /// Slots that the last call filled.
    pub(in crate::driver) fn filled(&self) -> usize {
        self.filled
    }

    /// Whether the last call filled every slot, so that more may wait.
    pub(in crate::driver) fn is_full(&self) -> bool {
        self.filled == self.headers.len()
    }

    /// Takes what waits at the socket, without blocking.
    pub(in crate::driver) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.filled = 0;
        let bytes = self.bytes.as_mut_ptr();
        let names = self.names.as_mut_ptr();
        let controls = self.controls.as_mut_ptr();
        let vectors = self.vectors.as_mut_ptr();
        for (i, header) in self.headers.iter_mut().enumerate() {
            // SAFETY: every array has as many elements as `headers`, and `bytes` that many slots.
            unsafe {
                *vectors.add(i) =
                    libc::iovec { iov_base: bytes.add(i * self.slot_bytes).cast(), iov_len: self.slot_bytes };
                header.msg_hdr.msg_name = names.add(i).cast();
                header.msg_hdr.msg_iov = vectors.add(i);
                header.msg_hdr.msg_control = controls.add(i).cast();
            }
            header.msg_hdr.msg_namelen = mem::size_of::<Name>() as libc::socklen_t;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_controllen = mem::size_of::<Control>() as _;
            header.msg_hdr.msg_flags = 0;
            header.msg_len = 0;
        }
        // SAFETY: every header points at a name, a vector and a control buffer of the lengths it says, all owned by `self`
        // and written by nobody else during the call.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        self.filled = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
        Ok(())
    }

    /// What the last call put into a slot; `None` when it was too long for it or came from no internet address.
    pub(in crate::driver) fn slot(&mut self, i: usize) -> Option<Arrived<'_>> {
        if i >= self.filled {
            return None;
        }
        let header = self.headers.get(i)?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let remote = self.names.get(i)?.read()?;
        // SAFETY: the kernel filled this header's control buffer, which is still there.
        let told = unsafe { told(&header.msg_hdr) };
        let start = i * self.slot_bytes;
        let bytes = self.bytes.get_mut(start..start + header.msg_len as usize)?;
        let segment = told.segment.unwrap_or(bytes.len()).max(1);
        Some(Arrived { remote, local: told.local, segment, bytes })
    }
}

/// Reads the control messages of a datagram.
///
/// # Safety
/// `header` must have been filled by `recvmsg` or `recvmmsg`, and its control buffer must still be there.
unsafe fn told(header: &libc::msghdr) -> Told {
    let mut told = Told::default();
    // SAFETY: the CMSG macros stay within `msg_controllen`, which the kernel set to what it wrote; payloads are read
    // unaligned, and are as long as their type says.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = at.as_ref() {
            let payload = libc::CMSG_DATA(at);
            match (message.cmsg_level, message.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    // `ipi_spec_dst` is what one would answer from: for a unicast datagram, where it was sent to.
                    let packet = payload.cast::<libc::in_pktinfo>().read_unaligned();
                    told.local = Some(IpAddr::V4(Ipv4Addr::from(packet.ipi_spec_dst.s_addr.to_ne_bytes())));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let packet = payload.cast::<libc::in6_pktinfo>().read_unaligned();
                    told.local = Some(IpAddr::V6(Ipv6Addr::from(packet.ipi6_addr.s6_addr)));
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    told.segment = usize::try_from(payload.cast::<libc::c_int>().read_unaligned()).ok();
                }
                _ => {}
            }
            at = libc::CMSG_NXTHDR(header, at);
        }
    }
    told
}
