//! Reports: the checks, figures, settings and provenance of runs on one HTML page, and the comparison of several runs.
//!
//! A page is one file without scripts and without references to other files, readable without its style; that of a sweep
//! has links to the pages of its points. It is a function
//! of the run folder: equal folders give equal bytes. Like figures, it is made from the records alone.
//!
//! | file | what |
//! |---|---|
//! | [`page`] | the page, written to a file |
//! | [`run_view`], [`sections`] | a run as the templates show it; its checks beside the figures that support them |
//! | [`settings`] | the settings of a run that are not those of its built-in experiment, or not the defaults |
//! | [`provenance`], [`loading`] | where the numbers come from; how to load them |
//! | [`comparison`] | the main quantities of several runs in one figure and one table |
//! | [`differences`] | the settings in which runs differ |
//! | [`sweep_page`], [`sweep_table`] | the page of a sweep; its points as tables, also for the terminal |
//! | `*.jinja`, `style.css` | the templates and the style |

pub mod comparison;
pub mod differences;
mod error;
pub mod loading;
pub mod page;
pub mod provenance;
pub mod run_view;
pub mod sections;
pub mod settings;
pub mod sweep_page;
pub mod sweep_table;

pub use error::ReportError;
