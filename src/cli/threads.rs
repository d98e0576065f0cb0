//! The number of threads of a command.

/// The option `--threads`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ThreadCount {
    /// Threads to use, of every rank, at most 1024 [default: one per processor]; results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadCount {
    /// The number that was given.
    pub fn given(self) -> Option<u16> {
        self.threads
    }

    /// Sets the number of threads of everything that is computed afterwards; called once, before any computation.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn set(self) -> anyhow::Result<()> {
        let Some(threads) = self.threads else { return Ok(()) };
        Ok(rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global()?)
    }
}
