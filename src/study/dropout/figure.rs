//! Figures of the dropout study: the change of the loss against the number of neurons kept, against the width, during
//! training.

use super::record::ChangeArrays;
use super::{DropoutArrays, DropoutRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::labels::{not_fitted, slope};
use crate::run::figures::records::mean_over_seeds;
use crate::run::figures::subjects;
use crate::run::study::NamedFigure;
use ndarray::{Array3, Axis as Dim};

/// `dropout`: the change of the loss against M for every width, with the closed form; the ways to choose the neurons
/// kept. `dropout-scaling`: the change at one M against the width; the change during training, where there is a closed
/// form. Both for every set of layers from which neurons are dropped.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = DropoutRecord::read(folder)?;
    let arrays = DropoutArrays::read(folder, &record)?;
    let mut figures = Vec::new();
    for (drop, changes) in &arrays.changes {
        let panels = DropoutFigure { record: &record, arrays: &arrays, drop, changes };
        let first = Figure::double_column().with(panels.change_against_kept()).with(panels.ways_to_choose());
        let mut second = Figure::double_column().with(panels.change_against_width());
        if panels.has_closed_form() {
            second = second.with(panels.along_training());
        } else {
            second = second.with(panels.change_at_largest_width());
        }
        figures.push((panels.named("dropout"), first));
        figures.push((panels.named("dropout-scaling"), second));
    }
    Ok(figures)
}

/// The records of one set of layers from which neurons are dropped.
struct DropoutFigure<'a> {
    record: &'a DropoutRecord,
    arrays: &'a DropoutArrays,
    /// Its name in [`DropoutRecord::drops`].
    drop: &'a str,
    changes: &'a ChangeArrays,
}

impl DropoutFigure<'_> {
    /// Numbers of neurons kept.
    fn kept(&self) -> Vec<f64> {
        self.arrays.kept.to_vec()
    }

    /// Recording times.
    fn times(&self) -> Vec<f64> {
        self.arrays.times.to_vec()
    }

    /// The name of a figure, with the layers whose neurons are dropped.
    fn named(&self, figure: &str) -> String {
        if self.drop.is_empty() { figure.into() } else { format!("{figure}-{}", self.drop) }
    }

    /// The layers whose neurons are dropped, as the beginning of a title.
    fn title_prefix(&self) -> String {
        if self.drop.is_empty() { String::new() } else { format!("{}: ", self.drop.replace('-', " ")) }
    }

    /// Whether there is a closed form.
    fn has_closed_form(&self) -> bool {
        self.changes.change_predicted.iter().any(|v| v.is_finite())
    }

    /// Label of the closed form.
    fn closed_form(&self) -> &'static str {
        if self.record.exact { "closed form" } else { "second order (approximate)" }
    }

    /// The change of the loss against the number of neurons kept.
    fn change_against_kept(&self) -> Panel {
        let mut panel = Panel::new(Axis::log2("neurons kept M").counts(), Axis::log10("E_{A} R(f_{A}) − R(f_{N})"))
            .subject(subjects::DROPOUT_KEPT)
            .title(format!("{}random sets, mean over draws and seeds", self.title_prefix()));
        let over = |cube: &Array3<f64>, w: usize| mean_over_seeds(cube.index_axis(Dim(0), w));
        for (w, n) in self.arrays.widths.iter().enumerate() {
            let (colour, (_, marker, _)) = (style::ramp(w, self.arrays.widths.len()), style::series(w));
            let points = Mark::points(self.kept(), over(&self.changes.change_mean, w), colour, marker);
            panel = panel.with(points.label(format!("N = {n}")));
        }
        for w in (0..self.arrays.widths.len()).filter(|_| self.has_closed_form()) {
            let colour = style::ramp(w, self.arrays.widths.len());
            panel = panel.with(
                Mark::line(self.kept(), over(&self.changes.change_predicted, w), colour, Dash::Solid)
                    .label(self.closed_form()),
            );
        }
        panel.legend(Legend::Automatic)
    }

    /// The ways to choose the neurons kept, at the largest width for which all were computed.
    fn ways_to_choose(&self) -> Panel {
        let greedy = |w: usize| self.changes.change_greedy.index_axis(Dim(0), w).iter().any(|v| v.is_finite());
        let w = (0..self.arrays.widths.len()).rev().find(|&w| greedy(w)).unwrap_or(self.arrays.widths.len() - 1);
        let full_loss = mean_over_seeds(self.arrays.loss.clone().insert_axis(Dim(2)).index_axis(Dim(0), w))[0];
        let risk = |values: Vec<f64>| values.into_iter().map(|v| v + full_loss).collect::<Vec<f64>>();
        let of = |cube: &Array3<f64>| risk(mean_over_seeds(cube.index_axis(Dim(0), w)));
        let mut panel = Panel::new(Axis::log2("neurons kept M").counts(), Axis::log10("R(f_{A}), mean over seeds"))
            .title(format!("{}N = {}, ways to choose A", self.title_prefix(), self.arrays.widths[w]))
            .with(
                Mark::band(self.kept(), of(&self.changes.change_low), of(&self.changes.change_high), Colour::Series(0))
                    .label("random, 5–95 % of draws"),
            )
            .with(
                Mark::line(self.kept(), of(&self.changes.change_mean), Colour::Series(0), Dash::Solid)
                    .label("random, mean"),
            )
            .with(
                Mark::points(self.kept(), of(&self.changes.change_first), Colour::Series(4), Marker::Diamond)
                    .label("first M"),
            );
        if greedy(w) {
            let line = Mark::line(self.kept(), of(&self.changes.change_greedy), Colour::Series(2), Dash::Dashed);
            panel = panel.with(line.label("greedy"));
        }
        panel.with(Mark::horizontal(full_loss, Colour::Grey(90), Dash::Dotted).label("all N"))
    }

    /// The change at one number of neurons kept against the width.
    fn change_against_width(&self) -> Panel {
        let title = format!("{}M = {} kept at random", self.title_prefix(), self.record.fixed);
        let mut panel = Panel::new(Axis::log2("width N").counts(), Axis::log10("change × N/(N − M)"))
            .subject(subjects::DROPOUT_WIDTH)
            .title(title);
        let measure = DropoutRecord::measure(self.drop, DropoutRecord::FIXED);
        match self.record.fits.iter().find(|fit| fit.measure == measure).map(|fit| (&fit.fit, &fit.failure)) {
            Some((Some(fit), _)) => {
                let x: Vec<f64> = fit.points.iter().map(|p| p.x).collect();
                let ends = fit.points.iter().map(|p| p.interval.unwrap_or((p.y, p.y))).collect();
                let y = fit.points.iter().map(|p| p.y).collect();
                let line = x.iter().map(|&x| fit.at(x)).collect();
                panel = panel
                    .with(Mark::line(x.clone(), line, Colour::Series(0), Dash::Solid).label(slope(fit)))
                    .with(Mark::points(x, y, Colour::Series(0), Marker::Circle).error(ends).label("mean over seeds"));
                // The expected slope is zero: the axis spans a decade, to show deviations in proportion.
                let middle = fit.points.iter().map(|p| p.y.ln()).sum::<f64>() / fit.points.len().max(1) as f64;
                panel.y = panel.y.within(middle.exp() / 3.2, middle.exp() * 3.2);
            }
            Some((None, failure)) => {
                let failure = not_fitted(failure.as_deref());
                let (x, y) = self.networks_at_fixed();
                panel = if y.iter().any(|&y| y > 0.0) {
                    let points = Mark::points(x, y, Colour::Series(0), Marker::Circle).hollow();
                    panel.with(points.label("networks")).note(failure)
                } else {
                    panel.if_empty(failure)
                };
            }
            None => panel = panel.if_empty("no M is small enough for every width"),
        }
        panel
    }

    /// Width, and the change at the fixed M times N/(N − M), of every network.
    fn networks_at_fixed(&self) -> (Vec<f64>, Vec<f64>) {
        let m = self.record.fixed as f64;
        let Some(index) = self.arrays.kept.iter().position(|&kept| kept == m) else { return (Vec::new(), Vec::new()) };
        let changes = self.changes.change_mean.index_axis(Dim(2), index);
        let scaled = |((w, _), change): ((usize, usize), &f64)| {
            let n = self.arrays.widths[w];
            (n, change * n / (n - m))
        };
        changes.indexed_iter().map(scaled).unzip()
    }

    /// The change at the largest width with its spread over draws.
    fn change_at_largest_width(&self) -> Panel {
        let w = self.arrays.widths.len() - 1;
        let of = |cube: &Array3<f64>| mean_over_seeds(cube.index_axis(Dim(0), w));
        Panel::new(Axis::log2("neurons kept M").counts(), Axis::linear("R(f_{A}) − R(f_{N})"))
            .title(format!("{}N = {}, spread over draws", self.title_prefix(), self.arrays.widths[w]))
            .with(
                Mark::band(self.kept(), of(&self.changes.change_low), of(&self.changes.change_high), Colour::Series(0))
                    .label("5–95 % of draws"),
            )
            .with(Mark::line(self.kept(), of(&self.changes.change_mean), Colour::Series(0), Dash::Solid).label("mean"))
            .with(Mark::horizontal(0.0, Colour::Grey(90), Dash::Dotted))
            .legend(Legend::Automatic)
    }

    /// The change during training when half of the neurons are kept.
    fn along_training(&self) -> Panel {
        let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10("E_{A} R(f_{A}) − R(f_{N})"))
            .subject(subjects::DROPOUT_TIME)
            .title("half kept at random, during training");
        let of = |cube: &Array3<f64>, w: usize| mean_over_seeds(cube.index_axis(Dim(0), w));
        for (w, n) in self.arrays.widths.iter().enumerate() {
            let line = Mark::line(
                self.times(),
                of(&self.arrays.half_random, w),
                style::ramp(w, self.arrays.widths.len()),
                Dash::Solid,
            );
            panel = panel.with(line.label(format!("N = {n}")));
        }
        for w in 0..self.arrays.widths.len() {
            let colour = style::ramp(w, self.arrays.widths.len());
            panel = panel.with(
                Mark::line(self.times(), of(&self.arrays.half_predicted, w), colour, Dash::Dashed)
                    .label(self.closed_form()),
            );
        }
        panel.legend(Legend::Below)
    }
}
