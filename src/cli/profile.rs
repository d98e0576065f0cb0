//! The profile of a run as a table.

use super::checks::usable_width;
use super::output::emphasise;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use widelimit::record::{ProfileRecord, ProfiledPhase, ProfiledWork};

/// Columns of text, before those of numbers.
const TEXTS: usize = 2;

/// The profile as a table, with the peak of the machine.
pub fn table(profile: &ProfileRecord) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        "phase",
        "work",
        "of the time",
        "processor s",
        "wall s",
        "Gop",
        "Gop/s",
        "of peak",
        "with activations",
        "GB/s",
        "of bandwidth",
    ]);
    table.set_width(usable_width(table.width()));
    emphasise(&mut table);
    for phase in &profile.phases {
        add_phase(&mut table, phase, profile.threads);
    }
    for column in table.column_iter_mut().skip(TEXTS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("Profile\n{table}\n{}", peak(profile))
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
    table.add_row([
        phase.name.clone(),
        String::new(),
        String::new(),
        format!("{:.2}", phase.processor_seconds),
        format!("{:.2}", phase.wall_seconds),
    ]);
    for work in &phase.work {
        table.add_row(work_cells(work).map(Cell::new));
    }
    for (name, seconds) in [("other", phase.other_seconds), ("waiting", phase.waiting_seconds)] {
        let processor = if name == "other" { format!("{seconds:.2}") } else { String::new() };
        table.add_row([String::new(), name.into(), share(seconds), processor]);
    }
}

fn work_cells(work: &ProfiledWork) -> [String; 11] {
    let operations = (work.operations.f32 + work.operations.f64) as f64;
    let rate = |count: f64| match count > 0.0 && work.processor_seconds > 0.0 {
        true => format!("{:.1}", 1e-9 * count / work.processor_seconds),
        false => String::new(),
    };
    let optional = |share: Option<f64>| share.map(percent).unwrap_or_default();
    [
        String::new(),
        work.kind.clone(),
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
