//! What dropping neurons costs: against the number kept, against the width, along training.

use super::record::ChangeArrays;
use super::{DropoutArrays, DropoutRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::labels::slope;
use crate::run::figures::records::mean_over_seeds;
use crate::run::study::NamedFigure;
use ndarray::{Array3, Axis as Dim};

/// `dropout`: change of the loss against M for every width with the closed form through it; the ways to choose the set.
/// `dropout-scaling`: the change at one M against the width; along training, where there is a closed form. Where
/// neurons are dropped in several ways, both for each.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = DropoutRecord::read(folder)?;
    let arrays = DropoutArrays::read(folder, &record)?;
    let mut figures = Vec::new();
    for (drop, changes) in &arrays.changes {
        let drawn = DropoutFigure { record: &record, arrays: &arrays, drop, changes };
        let first = Figure::double_column().with(drawn.change_against_kept()).with(drawn.ways_to_choose());
        let mut second = Figure::double_column().with(drawn.change_against_width());
        if drawn.has_closed_form() {
            second = second.with(drawn.along_training());
        } else {
            second = second.with(drawn.change_of_the_last());
        }
        figures.push((drawn.named("dropout"), first));
        figures.push((drawn.named("dropout-scaling"), second));
    }
    Ok(figures)
}

/// One way to drop neurons.
struct DropoutFigure<'a> {
    record: &'a DropoutRecord,
    arrays: &'a DropoutArrays,
    /// Its name in the records.
    drop: &'a str,
    changes: &'a ChangeArrays,
}

impl DropoutFigure<'_> {
    fn kept(&self) -> Vec<f64> {
        self.arrays.kept.to_vec()
    }

    fn times(&self) -> Vec<f64> {
        self.arrays.times.to_vec()
    }

    /// A figure's name, with the layers whose neurons are dropped.
    fn named(&self, figure: &str) -> String {
        if self.drop.is_empty() { figure.into() } else { format!("{figure}-{}", self.drop) }
    }

    fn of(&self) -> String {
        if self.drop.is_empty() { String::new() } else { format!("{}: ", self.drop.replace('-', " ")) }
    }

    /// Whether there is a closed form.
    fn has_closed_form(&self) -> bool {
        self.changes.change_predicted.iter().any(|v| v.is_finite())
    }

    fn closed_form(&self) -> &'static str {
        if self.record.exact { "closed form" } else { "second order (approximate)" }
    }

    fn change_against_kept(&self) -> Panel {
        let mut panel = Panel::new(Axis::log2("neurons kept M"), Axis::log10("E_{A} R(f_{A}) − R(f_{N})"))
            .title(format!("{}random sets, mean over draws and seeds", self.of()));
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

    /// The widest network for which all three ways were tried.
    fn ways_to_choose(&self) -> Panel {
        let greedy = |w: usize| self.changes.change_greedy.index_axis(Dim(0), w).iter().any(|v| v.is_finite());
        let w = (0..self.arrays.widths.len()).rev().find(|&w| greedy(w)).unwrap_or(self.arrays.widths.len() - 1);
        let whole = mean_over_seeds(self.arrays.loss.clone().insert_axis(Dim(2)).index_axis(Dim(0), w))[0];
        let risk = |values: Vec<f64>| values.into_iter().map(|v| v + whole).collect::<Vec<f64>>();
        let of = |cube: &Array3<f64>| risk(mean_over_seeds(cube.index_axis(Dim(0), w)));
        let mut panel = Panel::new(Axis::log2("neurons kept M"), Axis::log10("R(f_{A}), mean over seeds"))
            .title(format!("{}N = {}, ways to choose A", self.of(), self.arrays.widths[w]))
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
        panel.with(Mark::horizontal(whole, Colour::Grey(90), Dash::Dotted).label("all N"))
    }

    fn change_against_width(&self) -> Panel {
        let mut panel = Panel::new(Axis::log2("width N"), Axis::log10("change × N/(N − M)")).title(format!(
            "{}M = {} kept at random",
            self.of(),
            self.record.fixed
        ));
        let measure = if self.drop.is_empty() { "fixed".into() } else { format!("{}-fixed", self.drop) };
        match self.record.fits.iter().find(|fit| fit.measure == measure).map(|fit| (&fit.fit, &fit.failure)) {
            Some((Some(fit), _)) => {
                let x: Vec<f64> = fit.points.iter().map(|p| p.x).collect();
                let ends = fit.points.iter().map(|p| p.interval.unwrap_or((p.y, p.y))).collect();
                let y = fit.points.iter().map(|p| p.y).collect();
                let line = x.iter().map(|&x| fit.at(x)).collect();
                panel = panel
                    .with(Mark::line(x.clone(), line, Colour::Series(0), Dash::Solid).label(slope(fit)))
                    .with(Mark::points(x, y, Colour::Series(0), Marker::Circle).error(ends).label("mean over seeds"));
                // A law without slope: the axis spans a decade, so that deviations are seen in proportion.
                let middle = fit.points.iter().map(|p| p.y.ln()).sum::<f64>() / fit.points.len().max(1) as f64;
                panel.y = panel.y.between(middle.exp() / 3.2, middle.exp() * 3.2);
            }
            Some((None, Some(failure))) => panel = panel.note(failure.clone()),
            _ => panel = panel.note("no M is small enough for every width"),
        }
        panel
    }

    /// The change at the largest width with its spread over draws: for sets that have no closed form.
    fn change_of_the_last(&self) -> Panel {
        let w = self.arrays.widths.len() - 1;
        let of = |cube: &Array3<f64>| mean_over_seeds(cube.index_axis(Dim(0), w));
        Panel::new(Axis::log2("neurons kept M"), Axis::linear("R(f_{A}) − R(f_{N})"))
            .title(format!("{}N = {}, spread over draws", self.of(), self.arrays.widths[w]))
            .with(
                Mark::band(self.kept(), of(&self.changes.change_low), of(&self.changes.change_high), Colour::Series(0))
                    .label("5–95 % of draws"),
            )
            .with(Mark::line(self.kept(), of(&self.changes.change_mean), Colour::Series(0), Dash::Solid).label("mean"))
            .with(Mark::horizontal(0.0, Colour::Grey(90), Dash::Dotted))
            .legend(Legend::Automatic)
    }

    fn along_training(&self) -> Panel {
        let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10("E_{A} R(f_{A}) − R(f_{N})"))
            .title("half kept at random, along training");
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
        panel.legend(Legend::OutsideRight)
    }
}
