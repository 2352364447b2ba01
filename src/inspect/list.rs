//! The names of all commands other than checks, in one list for all builds. A build without them
//! uses this file as the whole module, to distinguish a command of another build from an unknown
//! word.

/// Passes the commands to the macro with this name, in groups and in the order of the help text. A
/// new command is one line here.
macro_rules! inspections {
    ($then:ident) => {
        $then! {
            inspection {
                ps,
                top,
                env,
                ls,
                stat,
                cat,
                head,
                tail,
                du,
                find,
                grep,
                hexdump,
                sha256sum,
                df,
                mounts,
                access,
                ss,
                ip,
                lsof,
                id,
                limits,
            }
            diagnosis {
                doctor,
                report,
            }
            copying {
                install,
                tar,
            }
        }
    };
}
#[cfg(feature = "inspect")]
pub(crate) use inspections;

macro_rules! elsewhere {
    ($($group:ident { $($name:ident,)* })*) => {
        &[$($(#[cfg(not(feature = "inspect"))] stringify!($name),)*)*]
    };
}

/// The names of those that other builds have.
pub const ELSEWHERE: &[&str] = inspections!(elsewhere);

#[cfg(not(feature = "inspect"))]
macro_rules! looking {
    (inspection { $($shows:ident,)* } diagnosis { $($finds:ident,)* } copying $copying:tt) => {
        &[$(stringify!($shows),)* $(stringify!($finds),)*]
    };
}

/// The names of those that look at a container, and so can do it from another one.
#[cfg(not(feature = "inspect"))]
pub const LOOKING: &[&str] = inspections!(looking);
