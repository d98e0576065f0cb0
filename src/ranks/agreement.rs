//! Agreement of all ranks on how a part of the work ended.
//!
//! Ranks that work on different parts may end differently: one is interrupted, or cannot write a file. A rank that
//! returned early would leave the others waiting in an exchange. After such parts every rank therefore calls [`agree`],
//! and all continue, or end, in the same way.

use super::Communicator;

/// How a part of the work ended on all ranks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It is complete on every rank.
    Complete,
    /// It was interrupted on one rank at least, and failed on none.
    Interrupted,
    /// It failed: the first rank on which it did, and its message.
    Failed {
        /// The rank.
        rank: usize,
        /// Its message.
        message: String,
    },
}

const COMPLETE: u8 = 0;
const INTERRUPTED: u8 = 1;
const FAILED: u8 = 2;

/// Exchanges how a part of the work ended on this rank, where `own` is its error or whether it was interrupted; returns
/// how it ended on all.
pub fn agree(ranks: &dyn Communicator, own: Result<bool, String>) -> Agreement {
    let message = match own {
        Ok(false) => vec![COMPLETE],
        Ok(true) => vec![INTERRUPTED],
        Err(message) => [&[FAILED], message.as_bytes()].concat(),
    };
    let all = ranks.all_gather_bytes(&message);
    let failed = all.iter().position(|message| message.first() == Some(&FAILED));
    match failed {
        Some(rank) => Agreement::Failed { rank, message: String::from_utf8_lossy(&all[rank][1..]).into_owned() },
        None if all.iter().any(|message| message.first() == Some(&INTERRUPTED)) => Agreement::Interrupted,
        None => Agreement::Complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::run_in_process;

    #[test]
    fn all_ranks_agree_on_the_first_failure() {
        let of = |outcomes: [Result<bool, String>; 3]| {
            let found = run_in_process(3, |ranks| agree(&*ranks, outcomes[ranks.rank()].clone()));
            assert!(found.iter().all(|agreement| *agreement == found[0]));
            found[0].clone()
        };
        assert_eq!(of([Ok(false), Ok(false), Ok(false)]), Agreement::Complete);
        assert_eq!(of([Ok(false), Ok(true), Ok(false)]), Agreement::Interrupted);
        let failed = of([Ok(true), Err("full disk".into()), Err("other".into())]);
        assert_eq!(failed, Agreement::Failed { rank: 1, message: "full disk".into() });
    }
}
