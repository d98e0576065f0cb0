//! The profile of a run as a table.

use super::table;
use comfy_table::{Attribute, Cell, CellAlignment, Table, TableComponent};
use widelimit::record::{ProfileRecord, ProfiledPhase, ProfiledWork};

/// The profile as a table, with the peak of the machine.
pub fn table(profile: &ProfileRecord) -> String {
    let mut table = table::table();
    // Lines would be as many as rows.
    for line in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(line);
    }
    table.set_header([
        "phase, work",
        "of time",
        "processor s",
        "wall s",
        "Gop",
        "Gop/s",
        "of peak",
        "with activations",
        "GB/s",
        "of bandwidth",
    ]);
    for phase in &profile.phases {
        add_phase(&mut table, phase, profile.threads);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("Profile\n{}\n{}", table::text(table), peak(profile))
}

/// The peak of the machine in a line.
fn peak(profile: &ProfileRecord) -> String {
    let giga = |value: f64| format!("{:.1}", value * 1e-9);
    let peak = &profile.peak;
    let activations = peak
        .activations
        .map_or(String::new(), |rates| format!(", {} and {} G activations/s", giga(rates.f32), giga(rates.f64)));
    format!(
        "peak of {} threads, {}: {} Gop/s in f32, {} in f64{activations}, {} GB/s",
        profile.threads,
        profile.simd,
        giga(peak.operations.f32),
        giga(peak.operations.f64),
        giga(peak.bandwidth)
    )
}

fn add_phase(table: &mut Table, phase: &ProfiledPhase, threads: usize) {
    let available = phase.wall_seconds * threads as f64;
    let share = |seconds: f64| if available > 0.0 { percent(seconds / available) } else { String::new() };
    let seconds = [phase.processor_seconds, phase.wall_seconds].map(|seconds| format!("{seconds:.2}"));
    table.add_row(vec![
        Cell::new(&phase.name).add_attribute(Attribute::Bold),
        Cell::new(""),
        Cell::new(&seconds[0]),
        Cell::new(&seconds[1]),
    ]);
    for work in &phase.work {
        table.add_row(work_cells(work));
    }
    table.add_row(["  other".into(), share(phase.other_seconds), format!("{:.2}", phase.other_seconds)]);
    table.add_row(["  waiting".into(), share(phase.waiting_seconds)]);
}

fn work_cells(work: &ProfiledWork) -> [String; 10] {
    let operations = (work.operations.f32 + work.operations.f64) as f64;
    let rate = |count: f64| match count > 0.0 && work.processor_seconds > 0.0 {
        true => format!("{:.1}", 1e-9 * count / work.processor_seconds),
        false => String::new(),
    };
    let optional = |share: Option<f64>| share.map(percent).unwrap_or_default();
    [
        format!("  {}", work.kind),
        percent(work.time_share),
        format!("{:.2}", work.processor_seconds),
        format!("{:.2}", work.wall_seconds),
        if operations > 0.0 { format!("{:.2}", 1e-9 * operations) } else { String::new() },
        rate(operations),
        optional(work.share_of_peak),
        optional(work.share_of_peak_with_activations),
        rate(work.bytes as f64),
        optional(work.share_of_bandwidth),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
