//! The system calls that have no safe name: batches of datagrams with control messages, thread affinity, the allocator's spare
//! memory, and what a process may do.
//! The only module of the driver with `unsafe`; what it offers is safe to call.
#![allow(unsafe_code)]

mod inbound;
mod outbound;
mod process;

pub(super) use inbound::Inbound;
pub(super) use outbound::{Outbound, Stage, Target};
pub(super) use process::{
    Limit, Pulse, both_clocks, call_process, close_what_was_inherited, depend, end_by_faults, limit,
    outlast_requests_to_end, pulse,
};

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Room for the control messages of one datagram: IPv6 packet information (40 bytes) and a segment size (24) are the most.
const CONTROL_BYTES: usize = 64;

/// A control buffer, aligned as `cmsghdr` wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

impl Control {
    const EMPTY: Self = Self([0; CONTROL_BYTES]);
}

/// A socket address as the kernel writes it; both forms begin with the family.
#[derive(Clone, Copy)]
#[repr(C)]
union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Name {
    fn empty() -> Self {
        // SAFETY: both forms are plain integers, for which zero is a value.
        unsafe { mem::zeroed() }
    }

    fn write(&mut self, address: SocketAddr) -> libc::socklen_t {
        *self = Self::empty();
        match address {
            SocketAddr::V4(v4) => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                mem::size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V6(v6) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t
            }
        }
    }

    fn read(&self) -> Option<SocketAddr> {
        // SAFETY: the family stands at the same place in both forms, and every bit pattern of either is a value.
        unsafe {
            match i32::from(self.v4.sin_family) {
                libc::AF_INET => {
                    let ip = Ipv4Addr::from(self.v4.sin_addr.s_addr.to_ne_bytes());
                    Some(SocketAddrV4::new(ip, u16::from_be(self.v4.sin_port)).into())
                }
                libc::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.s6_addr);
                    // The flow label is no part of who someone is: left out, so that a path stays equal to itself.
                    let port = u16::from_be(self.v6.sin6_port);
                    Some(SocketAddrV6::new(ip, port, 0, self.v6.sin6_scope_id).into())
                }
                _ => None,
            }
        }
    }
}

/// Options of a socket that socket2 has no name for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Switch {
    /// Tell the destination address of each datagram.
    PacketInfo4,
    /// The same for IPv6.
    PacketInfo6,
    /// Hand over runs of equal datagrams as one.
    Gro,
    /// Send without checksums, which makes the kernel refuse segmentation offload.
    #[cfg(test)]
    NoChecksum,
}

/// Switches an option on.
pub(super) fn switch_on(socket: BorrowedFd<'_>, switch: Switch) -> io::Result<()> {
    let (level, name) = match switch {
        Switch::PacketInfo4 => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        Switch::PacketInfo6 => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
        Switch::Gro => (libc::SOL_UDP, libc::UDP_GRO),
        #[cfg(test)]
        Switch::NoChecksum => (libc::SOL_SOCKET, libc::SO_NO_CHECK),
    };
    let on: libc::c_int = 1;
    // SAFETY: the value pointed to is an int that outlives the call, and its size is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the kernel knows segmentation offload at all (Linux 4.18).
pub(super) fn knows_gso(socket: BorrowedFd<'_>) -> bool {
    let mut value: libc::c_int = 0;
    let mut len = mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to an int that outlives the call.
    let done = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, (&raw mut value).cast(), &raw mut len)
    };
    done == 0
}

/// The cores that this thread may run on, in order.
pub(super) fn allowed_cores() -> Vec<usize> {
    // SAFETY: a cpu_set_t is plain integers; the kernel writes at most its size to it.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        if libc::sched_getaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return Vec::new();
        }
        (0..libc::CPU_SETSIZE as usize).filter(|core| libc::CPU_ISSET(*core, &set)).collect()
    }
}

/// Keeps this thread on one core.
pub(super) fn pin_to(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: a cpu_set_t is plain integers, `core` lies within it, and the kernel only reads it.
    let done = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What the control messages of a received datagram said.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    local: Option<IpAddr>,
    segment: Option<usize>,
}

/// Lets the other threads of this process go before the calling one, where the system allows it.
pub(super) fn be_nicer(by: i32) {
    // SAFETY: the call takes no pointers. On Linux 0 names the calling thread, and its own niceness is what is set.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, by) };
}

/// Has the allocator give the pages back to the system in which nothing is in use. Not every C library can.
pub(super) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; what is allocated stays where it is, and the library locks what it looks through.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_kernel_form() {
        for text in ["127.0.0.1:9", "192.0.2.7:65535", "[::1]:443", "[fe80::1%3]:5000"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut name = Name::empty();
            name.write(address);
            assert_eq!(name.read(), Some(address));
        }
        assert_eq!(Name::empty().read(), None);
    }

    #[test]
    fn a_thread_can_be_pinned_to_each_core_it_may_use() {
        std::thread::spawn(|| {
            let cores = allowed_cores();
            assert!(!cores.is_empty());
            for core in cores {
                pin_to(core).unwrap();
                assert_eq!(allowed_cores(), [core]);
            }
            assert!(pin_to(usize::MAX).is_err());
        })
        .join()
        .unwrap();
    }
}
