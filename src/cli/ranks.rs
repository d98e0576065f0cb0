//! The processes of `mpirun`.

use std::process::ExitCode;
use widelimit::ranks::{Communicator, Ranks};
use widelimit::run::RunError;

/// Variables by which `mpirun`, `srun` and their like tell a process how many there are.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"];

/// The ranks of this program, and what keeps them connected.
pub struct Connected {
    /// The ranks.
    pub ranks: Ranks,
    #[cfg(feature = "mpi")]
    _connection: Option<widelimit::ranks::message_passing::Connection>,
}

/// Connects the processes of `mpirun`; a program that was started without it is one rank.
///
/// # Errors
/// Several processes, where this build cannot connect them.
pub fn connect() -> anyhow::Result<Connected> {
    #[cfg(feature = "mpi")]
    if started_by_launcher() > 0 || std::env::var_os("PMIX_RANK").is_some() {
        let (connection, ranks) =
            widelimit::ranks::MessagePassing::connect().ok_or_else(|| anyhow::anyhow!("MPI is connected already"))?;
        return Ok(Connected { ranks, _connection: Some(connection) });
    }
    #[cfg(not(feature = "mpi"))]
    anyhow::ensure!(
        started_by_launcher() < 2,
        "this build runs as one process, and mpirun has started {}: expected a build with --features mpi",
        started_by_launcher()
    );
    let ranks = widelimit::ranks::SingleRank::ranks();
    #[cfg(feature = "mpi")]
    return Ok(Connected { ranks, _connection: None });
    #[cfg(not(feature = "mpi"))]
    Ok(Connected { ranks })
}

/// Refuses several ranks for what runs on one.
///
/// # Errors
/// [`RunError::OneRankOnly`], on all ranks.
pub fn require_one(ranks: &dyn Communicator, what: &'static str) -> anyhow::Result<()> {
    let ranks = ranks.size();
    if ranks > 1 { Err(RunError::OneRankOnly { what, ranks }.into()) } else { Ok(()) }
}

/// Runs a command of one rank; where `mpirun` has started several processes, it is refused by the first.
pub fn alone(what: &'static str, command: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let connected = connect()?;
    let ranks = &connected.ranks;
    match require_one(&**ranks, what) {
        Ok(()) => command(),
        Err(error) => failed(&**ranks, error),
    }
}

/// Number of processes that a launcher has started; 0 without one.
fn started_by_launcher() -> usize {
    SIZES.iter().find_map(|name| std::env::var(name).ok()?.parse().ok()).unwrap_or(0)
}

/// Ends this rank after an error. One that all ranks have is printed by the first; after any other, this rank prints it
/// and ends all.
pub fn failed(ranks: &dyn Communicator, error: anyhow::Error) -> anyhow::Result<ExitCode> {
    if ranks.size() == 1 || (ranks.is_first() && of_all_ranks(&error)) {
        return Err(error);
    }
    if !of_all_ranks(&error) {
        super::output::note(format!("widelimit: rank {}: {}", ranks.rank(), super::message(&error)));
        ranks.abort(2);
    }
    // The status is that of the first: where another fails before it has printed, mpirun ends it.
    Ok(ExitCode::SUCCESS)
}

fn of_all_ranks(error: &anyhow::Error) -> bool {
    error.downcast_ref::<RunError>().is_some_and(RunError::of_all_ranks)
}

/// A note where threads and ranks together are more than the processors that they share.
pub fn oversubscription(ranks: &dyn Communicator, threads: usize) -> Option<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let all = ranks.all_gather_bytes(format!("{}:{threads}", host.trim()).as_bytes());
    let here = all.iter().filter_map(|other| {
        let text = String::from_utf8_lossy(other);
        let (name, threads) = text.rsplit_once(':')?;
        (name == host.trim()).then(|| threads.parse::<usize>().ok()).flatten()
    });
    let here: usize = here.sum();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (ranks.size() > 1 && here > processors).then(|| {
        format!(
            "the ranks on {} use {here} threads on {processors} processors: --threads N sets those of each rank",
            host.trim()
        )
    })
}
