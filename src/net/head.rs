//! The head of an HTTP/1 response: a parser of bytes. RFC 9112, sections 2 to 6.
//!
//! Invariant: every response that curl or Go's net/http client accepts is accepted. So lines may
//! end in a bare LF, values may be folded, names may be odd, and only the fields that delimit the
//! body have to be valid. Rejected are a NUL, a line without a colon, a continuation without a line
//! before it, and a Content-Length that is not a number or differs from another one.

/// Why bytes are not the head of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum HeadError {
    /// They do not begin with a status line.
    NotHttp,
    /// This is not a header line.
    Line(Vec<u8>),
    /// These lines do not give one length of the body.
    Length(Vec<u8>),
    /// There are too many of them.
    TooLarge,
}

/// The head of a response.
#[derive(Debug)]
pub struct Head {
    /// The status, from 100 to 999.
    pub status: u16,
    /// Whether it is HTTP/1.0 or older, which has no chunked encoding.
    is_old: bool,
    /// All of it as received, with the empty line.
    bytes: Vec<u8>,
    /// Where the header lines begin in that.
    lines: usize,
}

/// What delimits the body of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// Its length, in bytes.
    Length(u64),
    /// The chunked coding. RFC 9112, section 7.1.
    Chunked,
    /// The end of the connection.
    Close,
}

/// The search for the end of a head that may arrive in pieces: no byte is examined twice.
#[derive(Debug, Default)]
pub struct Search {
    /// Where the line begins whose end was not received yet.
    line: usize,
    /// How many bytes were examined.
    examined: usize,
}

impl Search {
    /// Returns the length of the head at the beginning of the input, with its empty line, once all
    /// of it is there. Between calls for one head, the input may only grow.
    pub fn end(&mut self, input: &[u8]) -> Option<usize> {
        loop {
            let behind = input.get(self.examined..)?.iter().position(|&byte| byte == b'\n');
            let Some(behind) = behind else {
                self.examined = input.len();
                return None;
            };
            let end = self.examined + behind;
            let is_empty = input.get(self.line..end)?.iter().all(|&byte| byte == b'\r');
            (self.line, self.examined) = (end + 1, end + 1);
            if is_empty {
                return Some(self.line);
            }
        }
    }
}

/// Returns whether a response may begin like this.
pub fn may_be_http(input: &[u8]) -> bool {
    let name = b"HTTP/";
    let there = input.len().min(name.len());
    input.get(..there).is_some_and(|start| start.eq_ignore_ascii_case(name.get(..there).unwrap_or_default()))
}

impl Head {
    /// Parses the bytes of a head, including its empty line.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
        let (line, lines) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let (is_old, status) = status_line(line).ok_or(HeadError::NotHttp)?;
        // The first line has nothing to continue.
        let is_continued = matches!(lines.first(), Some(b' ' | b'\t'));
        for line in Lines(lines) {
            let name = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
            if is_continued || line.contains(&0) || !name.contains(&b':') {
                return Err(HeadError::Line(without_end(line)));
            }
        }
        Ok(Head { status, is_old, bytes: bytes.to_vec(), lines: end })
    }

    /// Returns the status line, without its end.
    pub fn status_line(&self) -> &[u8] {
        self.bytes.get(..self.lines).unwrap_or_default().trim_ascii_end()
    }

    /// Returns the header lines, each with its continuations and its end.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        Lines(self.bytes.get(self.lines..).unwrap_or_default())
    }

    /// Returns whether another one follows for the same request. RFC 9110, section 15.2.
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// Returns the value of the first field with this name.
    #[inline(never)]
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.named(name).next().map(|line| split(line).1)
    }

    /// Returns the header lines with this name, without the end of the last one.
    pub fn quoted(&self, name: &str) -> Vec<u8> {
        let mut lines = Vec::new();
        for line in self.named(name) {
            lines.extend_from_slice(line);
        }
        lines.truncate(lines.trim_ascii_end().len());
        lines
    }

    /// Returns what delimits the body. `to_head` says that the request was HEAD. RFC 9112, section
    /// 6.3.
    #[inline(never)]
    pub fn framing(&self, to_head: bool) -> Result<Framing, HeadError> {
        // Without a body, the fields that delimit it are ignored.
        if to_head || matches!(self.status, 100..200 | 204 | 304) {
            return Ok(Framing::None);
        }
        let is_chunked = |line| {
            let (_, value) = split(line);
            value
                .split(|&byte| byte == b',')
                .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
        };
        if !self.is_old && self.named("transfer-encoding").any(is_chunked) {
            return Ok(Framing::Chunked);
        }
        let mut known = None;
        for line in self.named("content-length") {
            for element in split(line).1.split(|&byte| byte == b',') {
                let length = length(element);
                if length.is_none() || known.is_some_and(|known| known != length) {
                    return Err(HeadError::Length(self.quoted("content-length")));
                }
                known = Some(length);
            }
        }
        Ok(match known.flatten() {
            Some(length) if length < u64::MAX => Framing::Length(length),
            _ => Framing::Close,
        })
    }

    /// Returns the header lines with this name, including their continuations.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.lines().filter(|line| {
            let own = line.split(|&byte| byte == b':').next().unwrap_or_default();
            own.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
        })
    }
}

/// Returns whether the version is HTTP/1.0 or older, and the status. Of the version only the form
/// matters, and several blanks may separate it from the status.
fn status_line(line: &[u8]) -> Option<(bool, u16)> {
    let rest = may_be_http(line).then(|| line.get(5..))??;
    let (major, rest) = rest.split_first().filter(|(digit, _)| digit.is_ascii_digit())?;
    let (minor, rest) = match rest.strip_prefix(b".") {
        Some(rest) => rest.split_first().filter(|(digit, _)| digit.is_ascii_digit())?,
        // `HTTP/2 200`.
        None if *major > b'1' => (&b'0', rest),
        None => return None,
    };
    let code = rest.trim_ascii_start();
    let (digits, behind) = code.split_first_chunk::<3>()?;
    let is_number = digits.iter().all(u8::is_ascii_digit) && !behind.first().is_some_and(u8::is_ascii_digit);
    if code.len() == rest.len() || !is_number || line.contains(&0) {
        return None;
    }
    let status = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    (status >= 100).then_some(((*major, *minor) < (b'1', b'1'), status))
}

/// Header lines, each with its continuations, up to the empty line.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut end = 0;
        loop {
            end += self.0.get(end..)?.iter().position(|&byte| byte == b'\n')? + 1;
            if !matches!(self.0.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        let is_empty = line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        (!is_empty).then_some(line)
    }
}

/// Returns a line without CRLF or LF.
fn without_end(line: &[u8]) -> Vec<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).to_vec()
}

/// Appends a header line.
#[inline(never)]
pub fn push_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Returns the name and the value of a header line. A space replaces the end of a line that is
/// continued: RFC 9112, section 5.2.
pub fn split(line: &[u8]) -> (&[u8], Vec<u8>) {
    let at = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
    let (name, value) = line.split_at_checked(at).unwrap_or((line, &[]));
    let value = value.get(1..).unwrap_or_default();
    let parts: Vec<&[u8]> = value.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
    (name.trim_ascii_end(), parts.join(&b' ').trim_ascii().to_vec())
}

/// Returns the number at the beginning of an element of a Content-Length, as strtol(3) would; the
/// maximum if it is larger.
fn length(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = text.get(..count).filter(|digits| !digits.is_empty())?;
    let sum =
        digits.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    Some(sum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &[u8]) -> Result<Head, HeadError> {
        Head::parse(head)
    }

    #[test]
    fn status_lines() {
        for (line, known) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], Some((false, 200))),
            (b"HTTP/1.0 404\n", Some((true, 404))),
            (b"http/1.1  999 \r\n", Some((false, 999))),
            (b"HTTP/1.9\t200\tOK", Some((false, 200))),
            (b"HTTP/0.9 200 OK", Some((true, 200))),
            (b"HTTP/2 200\r\n", Some((false, 200))),
            (b"HTTP/3.0 200\r\n", Some((false, 200))),
            (b"HTTP/1.1 100", Some((false, 100))),
            (b"HTTP/1.1 099 No\r\n", None),
            (b"HTTP/1.1 20\r\n", None),
            (b"HTTP/1.1 2000\r\n", None),
            (b"HTTP/1.1 +20\r\n", None),
            (b"HTTP/1.1200\r\n", None),
            (b"HTTP/1 200\r\n", None),
            (b"HTTP/1.10 200\r\n", None),
            (b"HTTP/x.1 200\r\n", None),
            (b"HTTP/1.1 200 O\0K\r\n", None),
            (b"HTTP/\r\n", None),
            (b"ICY 200 OK\r\n", None),
            (b"", None),
        ] {
            assert_eq!(status_line(line), known, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn values_are_unfolded_and_trimmed() {
        let head = parse(b"HTTP/1.1 200 OK\r\nA:1\r\n 2\r\n\t 3 \r\nb :\r\n  \r\na: 4\r\n\r\n").unwrap();
        assert_eq!((head.value("a").unwrap(), head.value("B").unwrap()), (b"1 2 3".to_vec(), b"".to_vec()));
        assert_eq!(head.value("X"), None);
        let head = parse(b"HTTP/1.1 200 OK\nC: \n\t\n c\nD\xff: \r d\r\r\nc: 4\n\n").unwrap();
        assert_eq!(head.value("c").unwrap(), b"c");
        let names: Vec<&[u8]> = head.lines().map(|line| split(line).0).collect();
        assert_eq!(names, [&b"C"[..], b"D\xff", b"c"]);
        assert_eq!(split(head.lines().nth(1).unwrap()).1, b"d");
    }

    #[test]
    fn what_delimits_the_body() {
        let lines = |lines: &str| Err(HeadError::Length(lines.as_bytes().to_vec()));
        for (fields, framing) in [
            ("", Ok(Framing::Close)),
            ("Content-Length: 5\r\n", Ok(Framing::Length(5))),
            ("content-length: +05;x\r\n", Ok(Framing::Length(5))),
            ("Content-Length: 5, 5\r\nContent-Length:5\r\n", Ok(Framing::Length(5))),
            ("Content-Length: 18446744073709551614\r\n", Ok(Framing::Length(u64::MAX - 1))),
            ("Content-Length: 18446744073709551615\r\n", Ok(Framing::Close)),
            ("Content-Length: 99999999999999999999\r\n", Ok(Framing::Close)),
            ("Content-Length: 5\r\n 6\r\n", Ok(Framing::Length(5))),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", lines("Content-Length: 5\r\nContent-Length: 6")),
            ("Content-Length: \r\n", lines("Content-Length:")),
            ("Transfer-Encoding: gzip\r\n ,Chunked\r\nContent-Length: x\r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding: identity\r\n", Ok(Framing::Close)),
        ] {
            let head = parse(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes()).unwrap();
            assert_eq!(head.framing(false), framing, "{fields}");
            assert_eq!(head.framing(true), Ok(Framing::None), "{fields}");
        }
        let head = parse(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert_eq!(head.framing(false), Ok(Framing::Close));
        let head = parse(b"HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n").unwrap();
        assert_eq!(head.framing(false), Ok(Framing::None));
    }

    #[test]
    fn the_end_is_found_however_the_head_arrives() {
        for (input, length) in [
            (&b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n"[..], Some(25)),
            (b"HTTP/1.1 200 OK\n\nbody", Some(17)),
            (b"HTTP/1.1 200 OK\nA:\r\r\n\r\r\n", Some(24)),
            (b"HTTP/1.1 200 OK\r\n \r\n", None),
            (b"HTTP/1.1 200 OK\r\n\r", None),
            (b"", None),
        ] {
            let mut search = Search::default();
            let found = (0..=input.len()).find_map(|there| {
                let before = search.examined;
                let end = search.end(&input[..there]);
                assert!(search.examined >= before && (end.is_some() || search.examined == there));
                end
            });
            assert_eq!(found, length, "{}", input.escape_ascii());
            assert_eq!(Search::default().end(input), length, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn any_bytes_are_accepted_or_rejected() {
        // The bytes with a meaning, in every order, after a status line.
        let marks = b"\r\n \t:,+1a\0";
        for number in 0..marks.len().pow(5) {
            let mut rest = number;
            let mut head = b"HTTP/1.1 200\r\n".to_vec();
            for _ in 0..5 {
                head.push(marks[rest % marks.len()]);
                rest /= marks.len();
            }
            head.extend_from_slice(b"\r\nContent-Length: 1\r\n\r\n");
            let end = Search::default().end(&head).unwrap();
            if let Ok(head) = parse(&head[..end]) {
                assert!(head.framing(false).is_ok() && !head.bytes.contains(&0));
            }
        }
    }
}
