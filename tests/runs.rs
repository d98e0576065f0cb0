//! Runs of whole experiments through the library: what they record, check and draw.

mod common;

mod examples;
mod figures;
mod gap;
mod keep;
mod predict;
mod premises;
mod ranks;
mod recorded_states;
mod records;
mod routes;
mod samples;
mod studies;
mod test_part;
mod three_layers;
mod vary;
