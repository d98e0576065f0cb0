//! Figures of the study of kept neurons: the loss against the number of neurons kept, by the rule that keeps them.

use super::{KeepArrays, KeepRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::records::mean_over_seeds;
use crate::run::study::NamedFigure;
use ndarray::{Array3, Axis as Dim, aview1};

/// Colour and dash of the prediction of the limit, as in the figures of predictions.
const LIMIT: (Colour, Dash) = (Colour::Series(3), Dash::DashDot);

/// `keep`: loss, and loss excess, against M at the largest width whose neurons were eliminated, by every rule.
/// `keep-widths`: the excess by dropout and by the optimal brain surgeon, for every width.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (record, arrays) = (KeepRecord::read(folder)?, KeepArrays::read(folder)?);
    let figure = KeepFigure { record: &record, arrays: &arrays };
    let mut rules = Figure::double_column().with(figure.losses()).with(figure.excess());
    rules.height_in = 3.4;
    let widths = Figure::double_column().with(figure.dropout_by_width()).with(figure.surgeon_by_width());
    Ok(vec![("keep".into(), rules), ("keep-widths".into(), widths)])
}

/// A rule that keeps neurons: its losses, how it is drawn, and whether its output weights are refitted.
struct Rule<'a> {
    losses: &'a Array3<f64>,
    label: &'static str,
    colour: Colour,
    dash: Dash,
    marker: Marker,
    refitted: bool,
}

struct KeepFigure<'a> {
    record: &'a KeepRecord,
    arrays: &'a KeepArrays,
}

impl KeepFigure<'_> {
    /// The row of the width that is shown: the largest whose neurons were eliminated, or the largest.
    fn row(&self) -> usize {
        self.arrays.largest_eliminated().unwrap_or(self.arrays.widths.len().saturating_sub(1))
    }

    /// Numbers of neurons kept.
    fn kept(&self) -> Vec<f64> {
        self.arrays.kept.iter().map(|kept| kept * self.arrays.proportion[0]).collect()
    }

    /// Neurons of the last hidden layer at a width.
    fn neurons(&self, w: usize) -> f64 {
        self.arrays.widths[w] * self.arrays.proportion[0]
    }

    /// The rules beside random sets.
    fn rules(&self) -> Vec<Rule<'_>> {
        let rule = |losses, label, series: usize, refitted| {
            let (colour, marker, _) = style::series(series);
            Rule { losses, label, colour, dash: if refitted { Dash::Dashed } else { Dash::Solid }, marker, refitted }
        };
        let arrays = self.arrays;
        // A cross looks alike hollow and filled.
        let first = |losses, label, refitted| Rule { marker: Marker::Diamond, ..rule(losses, label, 4, refitted) };
        let greedy = Rule { dash: Dash::Solid, ..rule(&arrays.greedy, "greedy OBS", 2, true) };
        let mut rules = vec![
            first(&arrays.first, "first, rescaled", false),
            rule(&arrays.largest, "largest, as trained", 1, false),
            rule(&arrays.random_refit, "random, refitted", 0, true),
            first(&arrays.first_refit, "first, refitted", true),
            rule(&arrays.largest_refit, "largest, refitted", 1, true),
            greedy,
        ];
        if !self.record.exact {
            rules.push(rule(&arrays.greedy_refit, "greedy, refitted", 2, true));
        }
        rules
    }

    /// Means over seeds of a cube at a width, less a quantity of every network.
    fn means(&self, cube: &Array3<f64>, w: usize, less: Option<&ndarray::Array2<f64>>) -> Vec<f64> {
        let mut table = cube.index_axis(Dim(0), w).to_owned();
        if let Some(less) = less {
            table.rows_mut().into_iter().zip(less.row(w)).for_each(|(mut row, less)| row -= *less);
        }
        mean_over_seeds(table.view())
    }

    /// The mean over seeds of a quantity of the networks of a width.
    fn mean(&self, table: &ndarray::Array2<f64>, w: usize) -> f64 {
        mean_over_seeds(aview1(&table.row(w).to_vec()).insert_axis(Dim(1)))[0]
    }

    /// The change that the limit predicts, at a width, plus a constant.
    fn predicted(&self, w: usize, plus: f64) -> Option<Mark> {
        let limit = self.record.limit?;
        let n = self.neurons(w);
        let (x, y) = self.kept().into_iter().filter(|&m| m < n).map(|m| (m, plus + limit.mean_cost(n, m))).unzip();
        let label = if self.record.exact { "random, predicted from the limit" } else { "random, limit, second order" };
        Some(Mark::line(x, y, LIMIT.0, LIMIT.1).label(label))
    }

    /// The loss against the number of neurons kept.
    fn losses(&self) -> Panel {
        let w = self.row();
        let (full, optimum) = (self.mean(&self.arrays.loss, w), self.mean(&self.arrays.optimum, w));
        let random = self.means(&self.arrays.change_mean, w, None).iter().map(|change| full + change).collect();
        let mut panel = Panel::new(Axis::log2("neurons kept M").counts(), Axis::log10("loss, mean over seeds"))
            .title(format!("N = {}", self.neurons(w)))
            .legend(Legend::Hidden)
            .with(Mark::points(self.kept(), random, Colour::Series(0), Marker::Circle).label("random, rescaled"));
        panel.marks.extend(self.predicted(w, full));
        for rule in self.rules() {
            let y = self.means(rule.losses, w, None);
            panel = rule.drawn(panel, self.kept(), y);
        }
        // Refitted rules are dashed too.
        panel = panel.with(Mark::horizontal(full, Colour::Grey(90), Dash::Dotted).label("all neurons, as trained"));
        if optimum.is_finite() {
            panel =
                panel.with(Mark::horizontal(optimum, Colour::Grey(90), Dash::Dashed).label("all neurons, refitted"));
        }
        panel
    }

    /// The loss less that of all neurons: as trained, or refitted where the rule refits.
    fn excess(&self) -> Panel {
        let w = self.row();
        let random = self.means(&self.arrays.change_mean, w, None);
        let mut panel = Panel::new(Axis::log2("neurons kept M").counts(), Axis::log10("loss less that of all N"))
            .title("excess over all neurons, trained or refitted")
            .legend(Legend::Below)
            .with(Mark::points(self.kept(), random, Colour::Series(0), Marker::Circle).label("random, rescaled"));
        panel.marks.extend(self.predicted(w, 0.0));
        for rule in self.rules() {
            let less = if rule.refitted { &self.arrays.optimum } else { &self.arrays.loss };
            let y = self.means(rule.losses, w, Some(less));
            panel = rule.drawn(panel, self.kept(), y);
        }
        panel
    }

    /// The change of the loss by dropout, for every width, with the prediction of the limit.
    fn dropout_by_width(&self) -> Panel {
        let mut panel = Panel::new(Axis::log2("neurons kept M").counts(), Axis::log10("E_{A} R(f_{A}) − R(f_{N})"))
            .title("random sets, rescaled");
        let count = self.arrays.widths.len();
        for w in 0..count {
            let (colour, (_, marker, _)) = (style::ramp(w, count), style::series(w));
            let points = Mark::points(self.kept(), self.means(&self.arrays.change_mean, w, None), colour, marker);
            panel = panel.with(points.label(format!("N = {}", self.neurons(w))));
        }
        for w in 0..count {
            panel.marks.extend(self.predicted(w, 0.0));
        }
        panel.legend(Legend::Automatic)
    }

    /// The excess of the optimal brain surgeon over the refitted loss of all neurons, for every width.
    fn surgeon_by_width(&self) -> Panel {
        let mut panel =
            Panel::new(Axis::log2("neurons kept M").counts(), Axis::log10("loss less that of all, refitted"))
                .title("greedy OBS with compensation");
        let count = self.arrays.widths.len();
        for w in 0..count {
            let (colour, (_, marker, _)) = (style::ramp(w, count), style::series(w));
            let y = self.means(&self.arrays.greedy, w, Some(&self.arrays.optimum));
            if y.iter().any(|v| *v > 0.0) {
                panel = panel
                    .with(Mark::line(self.kept(), y.clone(), colour, Dash::Solid).unlabelled())
                    .with(Mark::points(self.kept(), y, colour, marker).label(format!("N = {}", self.neurons(w))));
            }
        }
        panel.legend(Legend::Automatic).if_empty("no neurons were eliminated")
    }
}

impl Rule<'_> {
    /// Adds the rule to a panel, unless nothing was computed.
    fn drawn(&self, panel: Panel, x: Vec<f64>, y: Vec<f64>) -> Panel {
        if !y.iter().any(|v| *v > 0.0) {
            return panel;
        }
        let points = Mark::points(x.clone(), y.clone(), self.colour, self.marker);
        let points = if self.dash == Dash::Dashed { points.hollow() } else { points };
        panel.with(Mark::line(x, y, self.colour, self.dash).unlabelled()).with(points.label(self.label))
    }
}
