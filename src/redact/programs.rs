//! Programs with letters of their own for a password, each by its manual page.

use super::Next;

/// A line has what the option is followed by, the names of programs, a subcommand if it is only so behind that (`+`),
/// and the options. A letter may stand in a cluster, have its value in the same word, or be the last before it; with `*`
/// the value is in the same word alone, and any other option is a word of its own, as are all those of a line with `s`.
///
/// `S`, `s`: a secret, `L`: `NAME:PASSWORD`, `P`: `NAME%PASSWORD`, `R`: from here on all words may be secret, `C`: a
/// command of a shell.
const PROGRAMS: &str = "\
S sshpass mongo* -p
S redis-cli -a
S mysql* mariadb* 7z 7za 7zr 7zz -p*
S rar unrar -p* -hp*
S ldap* -w
S sqlcmd bcp zip unzip ipmitool -P
S docker podman nerdctl helm oc az +login -p
s openssl -k -K -passin -passout
S xfreerdp xfreerdp3 wlfreerdp /p:*
S snmpget snmpgetnext snmpset snmpwalk snmpbulkget snmpbulkwalk snmptrap -c -A -X
L curl -u -U
L http https xh xhs -a
P smbclient smbget rpcclient -U --user --user=*
R htpasswd -b
C sh bash dash ash zsh ksh su runuser -c";

/// Those that a command line names, by the bits of their lines.
#[derive(Debug, Default)]
pub(super) struct Programs {
    named: u32,
    /// And their subcommand.
    found: u32,
}

impl Programs {
    /// Takes notice of a word that may be the name of a program or its subcommand. None that was named before is
    /// forgotten for it: it may be the name of anything else.
    pub fn note(&mut self, word: &[u8]) {
        let name = word.rsplit(|&b| b == b'/').next().unwrap_or_default();
        if word.starts_with(b"-") {
            return;
        }
        for (at, line) in PROGRAMS.lines().enumerate() {
            let bit = 1 << at;
            let mut has_subcommand = false;
            // What a line begins with is no name.
            for known in line.split(' ').skip(1) {
                match known.as_bytes() {
                    [b'+', known @ ..] => {
                        has_subcommand = true;
                        self.found |= if known == name { self.named & bit } else { 0 };
                    }
                    [known @ .., b'*'] if name.starts_with(known) => self.named |= bit,
                    known if known == name => self.named |= bit,
                    _ => {}
                }
            }
            self.found |= if has_subcommand { 0 } else { self.named & bit };
        }
    }

    /// What an option of theirs is followed by, and where in the word that begins: at its end if it is the next one.
    pub fn option(&self, word: &[u8]) -> Option<(Next, usize)> {
        for (at, line) in PROGRAMS.lines().enumerate() {
            if self.found >> at & 1 == 0 {
                continue;
            }
            let kind = line.as_bytes().first().copied().unwrap_or_default();
            for option in line.split(' ').filter(|option| option.starts_with(['-', '/'])) {
                let begins = match option.as_bytes() {
                    [prefix @ .., b'*'] => {
                        word.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(|_| prefix.len())
                    }
                    [b'-', letter] if kind != b's' => in_cluster(word, *letter),
                    option => (option == word).then_some(word.len()),
                };
                if let Some(begins) = begins {
                    return Some(match kind {
                        b'L' => (Next::Login(b':'), begins),
                        b'P' => (Next::Login(b'%'), begins),
                        b'R' => (Next::Rest, word.len()),
                        b'C' => (Next::Command, word.len()),
                        _ => (Next::Secret, begins),
                    });
                }
            }
        }
        None
    }
}

/// Where the value of this letter begins, if the word is a cluster that has it.
fn in_cluster(word: &[u8], letter: u8) -> Option<usize> {
    let letters = word.strip_prefix(b"-")?;
    let at = letters.iter().position(|&b| b == letter)?;
    // The value of another option may stand there: curl's -H and -X have it in the same word more often than not.
    let is_flag = |b: &u8| b.is_ascii_alphabetic() && !matches!(b, b'H' | b'X');
    letters.get(..at)?.iter().all(is_flag).then_some(at + 2)
}
