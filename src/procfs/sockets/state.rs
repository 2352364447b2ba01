//! The protocols and states of sockets, with the names of ss(8).

/// The protocol of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Unix sockets.
    Unix,
}

impl Protocol {
    /// Returns its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Unix => "unix",
        }
    }
}

/// The state of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A state that the kernel headers do not list.
    Unknown,
    Established,
    /// It is connecting; of a Unix socket: it waits to be accepted.
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    /// It has no peer and does not listen.
    Unconnected,
    CloseWait,
    LastAck,
    Listening,
    Closing,
}

impl State {
    /// Returns the state of this number in a table of TCP or UDP: the kernel's tcp_states.h.
    pub fn of_number(number: u64) -> Self {
        match number {
            1 => State::Established,
            2 => State::SynSent,
            // 12 is TCP_NEW_SYN_RECV: a request that waits for the last part of the handshake.
            3 | 12 => State::SynReceived,
            4 => State::FinWait1,
            5 => State::FinWait2,
            6 => State::TimeWait,
            7 => State::Unconnected,
            8 => State::CloseWait,
            9 => State::LastAck,
            10 => State::Listening,
            11 => State::Closing,
            _ => State::Unknown,
        }
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            State::Unknown => "UNKNOWN",
            State::Established => "ESTAB",
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECV",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::TimeWait => "TIME-WAIT",
            State::Unconnected => "UNCONN",
            State::CloseWait => "CLOSE-WAIT",
            State::LastAck => "LAST-ACK",
            State::Listening => "LISTEN",
            State::Closing => "CLOSING",
        }
    }
}
