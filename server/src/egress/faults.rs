//! Why a program ended, in plain words.

use colloquy_signalling::egress::EgressFault;
use std::collections::VecDeque;
use std::process::ExitStatus;
use std::time::Duration;

/// What it says, what that means, and what to do about it.
const KNOWN: [(&str, &str, &str); 10] = [
    (
        "no element",
        "GStreamer lacks an element that the stream takes.",
        "The operator can install the plugins base, good and bad of GStreamer.",
    ),
    (
        "Could not connect",
        "The other end cannot be reached.",
        "Look whether it runs, takes streams at this address, and lets this server through its firewall.",
    ),
    (
        "Failed to connect",
        "The other end cannot be reached.",
        "Look whether it runs and takes streams at this address.",
    ),
    (
        "Connection refused",
        "The other end refuses connections.",
        "Look whether it runs and takes streams at this port.",
    ),
    (
        "Connection does not exist",
        "The other end cannot be reached, or does not take the call.",
        "Look whether it waits for SRT at this address, and at stream id and passphrase.",
    ),
    (
        "Connection setup failure",
        "The other end did not take the call.",
        "Look at its address, stream id and passphrase.",
    ),
    (
        "ailed to authenticate",
        "The other end does not take the passphrase.",
        "Look at passphrase and pbkeylen on both sides.",
    ),
    ("publish", "The platform does not take the stream.", "Look at the stream key, and whether it is in use already."),
    ("No space left", "The disk is full.", "The operator can make room in egress.hls_dir."),
    (
        "Permission denied",
        "A file or a port is not for this server.",
        "The operator can look at egress.hls_dir and egress.srt_listen.",
    ),
];

/// Why one that was not asked to has ended.
pub(super) fn ended(status: ExitStatus, lines: &VecDeque<String>) -> EgressFault {
    // The first error is the cause; those after it are of elements that it has stopped.
    let first = lines.iter().find(|line| line.contains("ERROR")).or(lines.back());
    let known = first.and_then(|line| KNOWN.iter().find(|(sign, ..)| line.contains(sign)));
    // As `ERROR: from element /GstPipeline:…: What went wrong`.
    let words =
        |line: &String| line.strip_prefix("ERROR: from element ")?.split_once(": ").map(|(_, words)| words.to_owned());
    let said =
        first.map(|line| format!(" It said: {}", words(line).unwrap_or_else(|| line.clone()))).unwrap_or_default();
    match known {
        Some((_, message, remedy)) => fault(format!("{message}{said}"), remedy),
        None => fault(
            format!("The program that streams ended ({status}).{said}"),
            "It is started again by itself; when that does not help, look at what it said.",
        ),
    }
}

/// One that ran, and from which nothing came.
pub(super) fn stalled(after: Duration) -> EgressFault {
    fault(
        format!("Nothing left for {} s, and the program that streams was ended.", after.as_secs()),
        "Look whether the other end takes what it is sent.",
    )
}

/// One that could not be started.
pub(super) fn unstartable(why: &std::io::Error) -> EgressFault {
    fault(
        format!("The program that streams cannot be started ({}).", why.kind()),
        "The operator can look at egress.program, and at the limits on processes and open files.",
    )
}

/// The folder for segments cannot be had.
pub(super) fn folderless(why: &std::io::Error) -> EgressFault {
    fault(
        format!("The folder for segments cannot be made ({}).", why.kind()),
        "The operator can look whether egress.hls_dir may be written to by the server.",
    )
}

fn fault(message: String, remedy: &str) -> EgressFault {
    EgressFault { message, remedy: remedy.to_owned() }
}
