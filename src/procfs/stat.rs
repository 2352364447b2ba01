//! A process's `stat`: one line of 52 fields. The second, the name, is raw. proc_pid_stat(5)

use memchr::{memchr, memrchr};

/// The flag of a kernel thread: `PF_KTHREAD` in the kernel's sched.h.
const PF_KTHREAD: u64 = 0x0020_0000;

/// The fields of `stat` that are used here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stat {
    /// The name that it chose, at most 15 bytes; kernel threads have longer ones.
    pub name: Vec<u8>,
    /// Its state: `R`, `S`, `D`, `T`, `Z`, …
    pub state: u8,
    /// The pid of its parent; 0 if none is visible.
    pub ppid: u32,
    /// Its process group; 0 if that is not visible, as after it has ended.
    pub group: u32,
    /// Its session; 0 if that is not visible.
    pub session: u32,
    /// The foreground process group of its terminal; `None` without a terminal.
    pub foreground: Option<u32>,
    /// Flags: `PF_…` in the kernel's sched.h.
    pub flags: u64,
    /// The CPU time it has used, in user and kernel mode, in ticks.
    pub cpu: u64,
    /// Its nice value, from -20 to 19.
    pub nice: i64,
    /// How many threads it has.
    pub threads: u64,
    /// When it started, in ticks since boot.
    pub start: u64,
    /// The size of its address space in bytes; 0 for kernel threads and zombies.
    pub size: u64,
    /// Its resident size in pages. It is approximate, because each processor keeps its own counter.
    pub pages: u64,
}

impl Stat {
    /// Parses the text of the file; `None` if it is malformed or cut.
    pub fn parse(text: &[u8]) -> Option<Self> {
        // The name may contain anything: it ends at the last parenthesis.
        let (open, close) = (memchr(b'(', text)?, memrchr(b')', text)?);
        let name = text.get(open + 1..close)?;
        let [b' ', state, b' ', rest @ ..] = text.get(close + 1..)? else { return None };
        // In the order of the manual page, from the fourth on.
        let mut fields = Fields(rest);
        // -1 means none.
        let id = |number: i64| u32::try_from(number).ok();
        let [ppid, group, session] = [fields.signed()?, fields.signed()?, fields.signed()?].map(id);
        fields.skip(1)?;
        let (foreground, flags) = (id(fields.signed()?), fields.count()?);
        fields.skip(4)?;
        let cpu = fields.count()?.saturating_add(fields.count()?);
        // Behind the times of its children and its priority.
        fields.skip(3)?;
        let (nice, threads) = (fields.signed()?, fields.count()?);
        fields.skip(1)?;
        let (start, size, pages) = (fields.count()?, fields.count()?, fields.signed()?);
        Some(Stat {
            name: name.to_vec(),
            state: Some(*state).filter(u8::is_ascii_alphabetic)?,
            ppid: ppid.unwrap_or_default(),
            group: group.unwrap_or_default(),
            session: session.unwrap_or_default(),
            foreground,
            flags,
            cpu,
            nice,
            threads,
            start,
            size,
            pages: pages.try_into().unwrap_or_default(),
        })
    }

    /// Whether it has ended and waits for its parent to collect its status.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Whether it is dead: exit(2) is done, its parent has waited for it, and its entry is about to
    /// disappear.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, b'X' | b'x')
    }

    /// Whether it is a thread of the kernel.
    pub fn is_of_kernel(&self) -> bool {
        self.flags & PF_KTHREAD != 0
    }

    /// Returns the letters of ps(1)'s column STAT: state, nice value, session leader,
    /// multi-threaded, foreground.
    pub fn letters(&self, pid: u32) -> String {
        let mut letters = String::from(char::from(self.state));
        let mut push = |letter: char, holds: bool| {
            if holds {
                letters.push(letter);
            }
        };
        push('<', self.nice < 0);
        push('N', self.nice > 0);
        push('s', self.session == pid);
        push('l', self.threads > 1);
        push('+', self.foreground == Some(self.group));
        letters
    }
}

/// Numbers with a space between two of them.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    /// Moves past so many of them.
    pub fn skip(&mut self, count: usize) -> Option<()> {
        for _ in 0..count {
            let space = self.0.iter().position(|&b| b == b' ')?;
            self.0 = self.0.get(space + 1..)?;
        }
        Some(())
    }

    /// Returns the next one.
    pub fn count(&mut self) -> Option<u64> {
        let mut number: Option<u64> = None;
        while let [byte, rest @ ..] = self.0 {
            self.0 = rest;
            match byte {
                b'0'..=b'9' => {
                    let before = number.unwrap_or_default().checked_mul(10)?;
                    number = Some(before.checked_add(u64::from(byte - b'0'))?);
                }
                b' ' | b'\n' => break,
                _ => return None,
            }
        }
        number
    }

    /// Returns the next one, which may be negative.
    fn signed(&mut self) -> Option<i64> {
        let positive = self.0.strip_prefix(b"-");
        self.0 = positive.unwrap_or(self.0);
        let number = i64::try_from(self.count()?).ok()?;
        Some(if positive.is_some() { -number } else { number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX_6_18: &[u8] = b"2291 (he) (a\n\x1b) R 2284 2284 17045 34816 2284 4194304 101 0 0 0 7 35 0 0 25 5 2 0 608483 \
        2998272 414 18446744073709551615 94751511777280 94751511801385 140722324503136 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 \
        94751511817232 94751511818848 94751567360000 140722324507340 140722324507368 140722324507368 140722324508650 0\n";

    #[test]
    fn fields_of_stat() {
        let stat = Stat::parse(LINUX_6_18).unwrap();
        let expected = Stat {
            name: b"he) (a\n\x1b".to_vec(),
            state: b'R',
            ppid: 2284,
            group: 2284,
            session: 17_045,
            foreground: Some(2284),
            flags: 4_194_304,
            cpu: 42,
            nice: 5,
            threads: 2,
            start: 608_483,
            size: 2_998_272,
            pages: 414,
        };
        assert_eq!(stat, expected);
        assert_eq!((stat.letters(2291).as_str(), stat.is_of_kernel()), ("RNl+", false));
        assert!(Stat { flags: 0x0020_8040, ..stat.clone() }.is_of_kernel());
        assert_eq!(Stat { nice: -1, foreground: None, threads: 1, ..stat }.letters(17_045), "R<s");
    }

    /// As Linux 6.18 writes it after the end of a process, before its directory disappears.
    #[test]
    fn a_dead_process_has_neither_group_nor_session() {
        let text = b"7 (true) X 0 -1 -1 0 -1 4227084 72 0 0 0 0 0 0 0 20 0 0 0 7221 0 0 18446744073709551615 0 0 0 0 0 0\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.ppid, stat.group, stat.session, stat.foreground), (0, 0, 0, None));
        assert!(stat.is_dead() && !stat.is_of_kernel());
        assert!(!Stat::parse(LINUX_6_18).unwrap().is_dead());
    }

    #[test]
    fn cut_lines_are_rejected() {
        let end = LINUX_6_18.windows(5).position(|part| part == b" 414 ").unwrap() + 4;
        for length in 0..end - 2 {
            assert_eq!(Stat::parse(&LINUX_6_18[..length]), None, "{length}");
        }
        for text in [&b"\xff\xff"[..], b")(", b"1 (a) RR 1", b"1 (a) 1 1", b"1 (a)", b"1 (a) S x"] {
            assert_eq!(Stat::parse(text), None);
        }
    }
}
