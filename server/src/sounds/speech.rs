//! A text that is said by a program: run without a shell, bounded in time and in what it writes, and ended with whatever it has started.

use super::SoundSettings;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Instant;

/// What it sees of our environment: passwords may stand in the rest.
const ENVIRONMENT: [&str; 4] = ["PATH", "HOME", "LANG", "LC_ALL"];

/// Says a text; gives what the program wrote. The error is for people.
pub(super) fn say(settings: &SoundSettings, text: &str) -> Result<Vec<u8>, String> {
    let [program, arguments @ ..] = settings.speech.as_slice() else { return Err("there is none".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/");
    command.envs(ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    // What it complains of goes where our own log goes.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).process_group(0);
    let child = command.spawn().map_err(|error| format!("it cannot be started ({})", error.kind()))?;
    listen(settings, Program(child), text)
}

/// The running program. It is gone when this is.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // Whatever it started belongs to its group. One that has ended is no longer there, which is as well.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

fn listen(settings: &SoundSettings, mut program: Program, text: &str) -> Result<Vec<u8>, String> {
    let until = Instant::now() + settings.speech_timeout;
    let (Some(mut stdin), Some(stdout)) = (program.0.stdin.take(), program.0.stdout.take()) else {
        return Err("it has no input or output".to_owned());
    };
    let text = format!("{text}\n");
    // It may write before it has read all. Both threads end with it: its ends of the pipes close.
    let writer = std::thread::Builder::new().name("speech-in".to_owned());
    let writer = writer.spawn(move || drop(stdin.write_all(text.as_bytes())));
    let (done, waiting) = sync_channel(1);
    let most = settings.file_bytes;
    let reader = std::thread::Builder::new().name("speech-out".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(most.saturating_add(1)).read_to_end(&mut bytes);
        drop(done.send(read.map(|_| bytes)));
    });
    if writer.is_err() || reader.is_err() {
        return Err("there is no thread for it".to_owned());
    }
    let bytes = match waiting.recv_timeout(settings.speech_timeout) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(format!("its output cannot be read ({})", error.kind())),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(late(settings)),
    };
    if bytes.len() as u64 > most {
        return Err(format!("it writes more than {most} bytes"));
    }
    // It has closed its output and is about to end.
    loop {
        match program.0.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(bytes),
            Ok(Some(status)) => return Err(format!("it ended with {status}")),
            Ok(None) if Instant::now() < until => std::thread::sleep(std::time::Duration::from_millis(5)),
            Ok(None) => return Err(late(settings)),
            Err(error) => return Err(format!("it is lost ({})", error.kind())),
        }
    }
}

fn late(settings: &SoundSettings) -> String {
    format!("it took longer than {:?}", settings.speech_timeout)
}
