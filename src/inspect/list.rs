//! The names of the commands besides the checks, once for all builds: a build without them uses this file as the whole
//! module, to tell a command of another build from an unknown word.

/// Passes the commands, by groups and in the order in which help lists them, to the macro of this name. A new command is
/// one line here.
macro_rules! inspections {
    ($then:ident) => {
        $then! {
            inspection {
                ps,
                env,
                ls,
                stat,
                cat,
                head,
                tail,
                find,
                grep,
                hexdump,
                sha256sum,
                df,
                mounts,
                access,
                ss,
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
