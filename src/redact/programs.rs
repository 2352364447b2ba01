//! Programs with letters of their own for a password, each by its manual page.

use super::Next;

/// A line has what the letters are followed by, the letters, and the names of programs, of which `*` stands for any end.
///
/// `S`: a secret, in the same word, which may have other letters in front, or in the next one; `A`: in the same word
/// alone; `E`: in the next one alone; `D`: as `S`, if it is to log in; `L`: `NAME:PASSWORD` or `NAME%PASSWORD`; `M`: `NAME,PASSWORD`; `R`: from
/// here on all words may be secret; `C`: a command of a shell.
const PROGRAMS: &[u8] = b"\
Sp sshpass mongo* rar unrar
Sa redis-cli
Ap mysql* mariadb* 7z 7za 7zr 7zz
Sw ldap*
SP sqlcmd bcp zip unzip ipmitool mosquitto_*
Dp docker podman nerdctl helm oc az
EkK openssl
ScAX snmpget* snmpset snmpwalk snmpbulk* snmptrap
LuU curl smbclient smbget rpcclient
La http https xh xhs
Mu lftp
Rb htpasswd
Cc sh bash dash ash zsh ksh su runuser";

/// Those that a command line names.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// The bits of their lines.
    named: u32,
    /// Whether there is the word `login`, too.
    login: bool,
}

/// The lines, and the bit of each.
fn lines() -> impl Iterator<Item = (u32, &'static [u8])> {
    PROGRAMS.split(|&b| b == b'\n').enumerate().map(|(at, line)| (1 << at, line))
}

impl Programs {
    /// Takes notice of a word that may be the name of a program. None that was named before is forgotten for it: it may
    /// be the name of anything else.
    pub fn note(&mut self, word: &[u8]) {
        let name = word.rsplit(|&b| b == b'/').next().unwrap_or_default();
        self.login |= name == b"login";
        for (bit, line) in lines() {
            let is_name = |known: &[u8]| match known {
                [known @ .., b'*'] => name.starts_with(known),
                _ => known == name,
            };
            // What a line begins with has a capital and is short, and is no name.
            if line.split(|&b| b == b' ').skip(1).any(is_name) {
                self.named |= bit;
            }
        }
    }

    /// What an option of theirs is followed by, and where in the word that begins: at its end if it is the next one.
    pub fn option(&self, word: &[u8]) -> Option<(Next, usize)> {
        let letters = word.strip_prefix(b"-")?;
        for (bit, line) in lines() {
            let [kind, own @ ..] = line.split(|&b| b == b' ').next()? else { continue };
            // In front of it the value of another option may stand, as is mostly so of curl's -H and -X.
            let at =
                letters.iter().position(|b| own.contains(b) || !b.is_ascii_alphabetic() || b"HX".contains(b));
            let Some(at) = at.filter(|&at| letters.get(at).is_some_and(|b| own.contains(b))) else {
                continue;
            };
            let begins = at + 2;
            let is_last = begins == word.len();
            let fits = match kind {
                b'A' => at == 0 && !is_last,
                b'E' => at == 0 && is_last,
                b'D' => self.login,
                _ => true,
            };
            if fits && self.named & bit != 0 {
                return Some(match kind {
                    b'L' => (Next::Login, begins),
                    b'M' => (Next::Comma, begins),
                    b'R' => (Next::Rest, word.len()),
                    b'C' => (Next::Command, word.len()),
                    _ => (Next::Secret, begins),
                });
            }
        }
        None
    }
}
