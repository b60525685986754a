//! HLS as players see it: the last segments of a stream, over all runs of its program, as one playlist (RFC 8216).

use super::pipeline::{FILES, SEGMENT_S};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The name of the playlist.
pub(crate) const PLAYLIST: &str = "room.m3u8";
/// Segments in it. As many again stay for players that lag (RFC 8216 section 6.2.2).
const SHOWN: usize = 6;
/// Longest name of a segment: `r4294967295-99999.ts` and one figure more.
const NAME_BYTES: usize = 24;

/// The segments of one stream, in a folder of their own, which goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Window {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    segments: VecDeque<Segment>,
    written: u64,
    bytes: u64,
    /// Segments that the run of now has given.
    run: u32,
    of_run: u64,
    longest_s: f64,
}

#[derive(Debug, Clone)]
struct Segment {
    name: String,
    seconds: f64,
    /// Runs that were over before it.
    breaks: u64,
    is_first_of_run: bool,
}

impl Window {
    /// A window onto an empty folder, which is made.
    pub(super) fn new(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, kept: Mutex::default() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A run begins. What the one before left half written goes.
    pub(super) fn begin_run(&self, run: u32) {
        let mut kept = self.lock();
        (kept.run, kept.of_run) = (run, 0);
        let names: Vec<String> = kept.segments.iter().map(|segment| segment.name.clone()).collect();
        drop(kept);
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if !entry.file_name().to_str().is_some_and(|name| names.iter().any(|known| known == name)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Takes note of what the program has written. Gives how many segments there were in all, and their bytes.
    pub(super) fn look(&self) -> (u64, u64) {
        let run = self.lock().run;
        let text = std::fs::read_to_string(self.folder.join(format!("r{run}.m3u8"))).unwrap_or_default();
        let fallen = self.take(&text);
        fallen.iter().for_each(|name| drop(std::fs::remove_file(self.folder.join(name))));
        let kept = self.lock();
        (kept.written, kept.bytes)
    }

    /// Reads a playlist of the program's. Gives what has fallen out of the window.
    fn take(&self, text: &str) -> Vec<String> {
        let mut kept = self.lock();
        let mut seconds = None;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("#EXTINF:") {
                seconds = rest.split(',').next().and_then(|number| number.parse::<f64>().ok());
            } else if let Some(number) = number(line, kept.run).filter(|number| *number >= kept.of_run)
                && let Some(seconds) = seconds.take().filter(|seconds| (0.0..3_600.0).contains(seconds))
            {
                let is_first_of_run = kept.of_run == 0 && kept.written > 0;
                let breaks = kept.segments.back().map_or(0, |last| last.breaks) + u64::from(is_first_of_run);
                kept.of_run = number + 1;
                kept.written += 1;
                kept.bytes += std::fs::metadata(self.folder.join(line)).map_or(0, |file| file.len());
                kept.longest_s = kept.longest_s.max(seconds);
                kept.segments.push_back(Segment { name: line.to_owned(), seconds, breaks, is_first_of_run });
            }
        }
        let over = kept.segments.len().saturating_sub(FILES);
        kept.segments.drain(..over).map(|segment| segment.name).collect()
    }

    /// The playlist; `None` before there is a segment.
    pub(crate) fn playlist(&self) -> Option<String> {
        let kept = self.lock();
        let from = kept.segments.len().saturating_sub(SHOWN);
        let first = kept.segments.get(from)?;
        let sequence = kept.written - (kept.segments.len() - from) as u64;
        let longest = kept.longest_s.round().max(f64::from(SEGMENT_S) + 1.0);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:{}\n",
            first.breaks
        );
        for (i, segment) in kept.segments.iter().skip(from).enumerate() {
            if segment.is_first_of_run && i > 0 {
                text.push_str("#EXT-X-DISCONTINUITY\n");
            }
            let _ = write!(text, "#EXTINF:{:.3},\n{}\n", segment.seconds, segment.name);
        }
        Some(text)
    }

    /// The file of a segment that may be fetched. Whatever else a client names is not looked for.
    pub(crate) fn segment(&self, name: &str) -> Option<PathBuf> {
        let kept = self.lock();
        kept.segments.iter().find(|segment| segment.name == name).map(|segment| self.folder.join(&segment.name))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        // The folder of the room, when this was the last of it.
        let _ = self.folder.parent().map(std::fs::remove_dir);
    }
}

/// The number of a segment of this run, as `r2-00041.ts`.
fn number(name: &str, run: u32) -> Option<u64> {
    let digits = name.strip_prefix(&format!("r{run}-"))?.strip_suffix(".ts")?;
    let is_good = name.len() <= NAME_BYTES && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let folder = std::env::temp_dir().join(format!("colloquy-window-{}", rand::random::<u64>())).join("w");
        Window::new(folder).unwrap()
    }

    fn written(run: u32, segments: std::ops::Range<u64>) -> String {
        let lines = segments.map(|i| format!("#EXTINF:4.000000,\nr{run}-{i:05}.ts\n"));
        format!("#EXTM3U\n{}", lines.collect::<String>())
    }

    #[test]
    fn the_window_slides_over_runs_and_forgets() {
        let window = window();
        assert_eq!(window.playlist(), None);
        window.begin_run(1);
        assert!(window.take(&written(1, 0..3)).is_empty());
        assert!(window.take(&written(1, 1..4)).is_empty(), "the same again is nothing new");
        window.begin_run(2);
        window.take(&written(2, 0..4));
        let playlist = window.playlist().unwrap();
        assert!(playlist.contains("#EXT-X-MEDIA-SEQUENCE:2\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"), "{playlist}");
        assert!(playlist.contains("r1-00003.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:4.000,\nr2-00000.ts\n"), "{playlist}");
        window.take(&written(2, 0..8));
        let playlist = window.playlist().unwrap();
        assert!(playlist.contains("#EXT-X-MEDIA-SEQUENCE:6\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"), "{playlist}");
        assert_eq!((playlist.matches("#EXTINF").count(), playlist.matches("DISCONTINUITY\n").count()), (SHOWN, 0));
        assert_eq!(window.take(&written(2, 4..12)).len(), 4, "no more files than are of use");
        assert!(window.segment("r2-00011.ts").is_some());
    }

    #[test]
    fn nothing_but_its_segments_is_found() {
        let window = window();
        window.begin_run(1);
        window.take("#EXTINF:4.0,\n../../etc/passwd\n#EXTINF:4.0,\nr1-00000.ts\n#EXTINF:4.0,\nr1-+1.ts\n#EXTINF:nan,\nr1-00002.ts\n");
        for name in ["../../etc/passwd", "r1-+1.ts", "r1-00002.ts", "r1.m3u8", "", "..", "r1-00000.ts/.."] {
            assert_eq!(window.segment(name), None, "{name}");
        }
        assert!(window.segment("r1-00000.ts").is_some());
        let folder = window.folder().to_owned();
        drop(window);
        assert!(!folder.exists() && !folder.parent().unwrap().exists());
    }
}
