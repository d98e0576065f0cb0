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
    format!("Profile\n{}\n{}", table::text(table).replace(NO_BREAK, " "), peak(profile))
}

/// A space at which no line ends.
const NO_BREAK: char = '\u{a0}';

/// The name of a kind of work, which is in one line and differs from a phase in a table and in a list.
fn kind(name: &str) -> String {
    format!("- {name}").replace(' ', &NO_BREAK.to_string())
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
    table.add_row([kind("other"), share(phase.other_seconds), format!("{:.2}", phase.other_seconds)]);
    table.add_row([kind("waiting"), share(phase.waiting_seconds)]);
}

fn work_cells(work: &ProfiledWork) -> [String; 10] {
    let operations = (work.operations.f32 + work.operations.f64) as f64;
    let rate = |count: f64| match count > 0.0 && work.processor_seconds > 0.0 {
        true => format!("{:.1}", 1e-9 * count / work.processor_seconds),
        false => String::new(),
    };
    let optional = |share: Option<f64>| share.map(percent).unwrap_or_default();
    [
        kind(&work.kind),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds differ from phases in a table and in a list, and their names are not divided.
    #[test]
    fn kinds_are_not_phases() {
        for width in [30, 120] {
            let mut table = table::table();
            table.set_width(width).set_header(["phase, work", "of time", "of bandwidth and so on"]);
            table.add_row(["matrix networks", "1 %", "2 %"]);
            table.add_row([kind("matrix products").as_str(), "1 %", "2 %"]);
            let text = table::text(table).replace(NO_BREAK, " ");
            assert_eq!(text.contains("of time: 1 %"), width == 30, "{text}");
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            assert!(lines.iter().any(|line| line.starts_with("- matrix products")), "{text}");
            assert!(lines.iter().any(|line| line.starts_with("matrix networks")), "{text}");
        }
    }
}
